"""The contract of the exchange, version 1: generated from the .proto files beside this module."""
