"""Which detectors find a change of images, at which strength."""
