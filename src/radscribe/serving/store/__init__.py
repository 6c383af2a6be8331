"""The store: studies, drafts, reviews and the audit trail in a database, images on disk."""
