"""Results that go back into a study: findings, text and film as DICOM objects, and the record behind them."""
