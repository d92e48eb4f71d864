"""The server as a process: the files it starts with, Java, its record, supervision and restart.

java        which Java runs it                       settings    the files it is started with
server      one server process                       supervisor  the process that outlives us and ends it
record      what a folder says about its server      restarter   a new server where one died
"""
