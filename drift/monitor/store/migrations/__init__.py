"""How a store came to be what it is, step by step; Alembic runs the steps that a store has not had."""
