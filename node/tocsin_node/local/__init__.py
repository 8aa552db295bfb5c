"""The local listener: the organisation's own applications and the command line, behind tokens with roles."""
