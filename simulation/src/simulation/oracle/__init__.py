"""The judge of a world: a model of its own, written from the documents. It shares no code with the
services and reads their databases by its own SQL.
"""
