"""Rules over the series of a monitor, and the delivery of what they find."""
