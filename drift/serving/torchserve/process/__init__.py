"""The server as a process: the files it starts with, Java, its record, supervision and restart.

server      one server process, and a new one where it died    supervisor  the process that outlives us and ends it
settings    Java, the files it is started with, its ports      record      what a folder says about its server
"""
