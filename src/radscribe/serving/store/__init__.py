"""What the service keeps: studies, drafts, reviews and an audit trail in a database, images on disk."""
