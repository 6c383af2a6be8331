"""What is done to a bundle after training, on data: int8 with what it costs, and calibrated confidence."""
