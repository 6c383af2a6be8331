"""Bounded attacks on a `radscribe serve` of one's own, on loopback: what each costs the service."""
