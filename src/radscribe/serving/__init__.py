"""The service: an HTTP interface to the `Captioner`, with a queue before it and a store behind it."""
