"""The loss around a network's weights: directions, a grid of losses, sharpness, the files they are kept in."""
