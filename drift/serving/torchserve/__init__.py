"""TorchServe: archives, the handler, the server process and its client."""
