"""Bounded attacks on your own `radscribe serve` on loopback, and their cost."""
