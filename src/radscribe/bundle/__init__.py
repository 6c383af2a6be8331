"""What a trained model is on disk: read and verify (numpy only), and write (torch)."""
