"""The commands, by what they are for: training, deploying, and looking after the champion."""
