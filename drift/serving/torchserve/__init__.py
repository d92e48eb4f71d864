"""TorchServe: an archive for each version, what runs inside its workers, and the calls that load and ask it.

service     all of it for one model's name: the only part that the loop needs
control     load, scale, switch, unload versions     client      features in, probabilities out
archive     a model packed by digest                 handler     what runs inside the worker
keys        the server's tokens, always valid ones   address     a server's addresses
process     the server as a process
"""
