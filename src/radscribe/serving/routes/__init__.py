"""The paths of the HTTP interface, a file for each kind of thing."""
