"""Which clips each dataset's layout asks for, and under which names."""
