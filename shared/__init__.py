"""The language both sides of Doorstep speak: pure functions over values, no I/O, no clock, no randomness."""
