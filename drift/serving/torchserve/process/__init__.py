"""The server as a process: settings, Java, start, supervision, restart."""
