"""Places, light, cameras and sensors of the synthetic world."""
