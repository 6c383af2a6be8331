"""The hospital's protocols: studies that come in from a PACS, and results that go back into them."""
