"""What is trained: the network, one fitting loop, and the Ax search over both."""
