"""Named ways to split a report into words."""
