"""Indexes for what lists of payments are narrowed to, and for the story of one payment.

Releases before this one do not read them: they work on beside them, and what these write is indexed
like all else.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_LISTS = {
    "ix_payments_status": "payments (merchant, status, created_at, uid)",
    "ix_payments_paid_from": "payments (merchant, source_account, created_at, uid)",
    "ix_payments_paid_to": "payments (merchant, destination_account, created_at, uid)",
    "ix_payments_amount": "payments (merchant, currency, amount, created_at, uid)",
    "ix_payment_events_payment": "payment_events (uid, sequence)",
    "ix_operations_refunds": "operations (uid, created_at, operation_id) WHERE kind = 'refund'",
}
_CODE = {"sqlite": "json_extract(failure, '$.code')", "postgresql": "(failure ->> 'code')"}
# The words of a payment's description and of the values in its metadata, lower case in ASCII.
_WORDS = r"""
CREATE FUNCTION payment_words(description text, metadata json) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
SELECT array_to_tsvector(string_to_array(btrim(regexp_replace(
    lower(concat_ws(' ', description,
        (SELECT string_agg(value, ' ') FROM json_each_text(metadata))) COLLATE "C"),
    '[^a-z0-9\u0080-\U0010ffff]+', ' ', 'g')), ' '))
$$
"""
_WORDED = "description IS NOT NULL OR metadata::text <> '{}'"
_FILLED = (
    """
CREATE VIRTUAL TABLE payment_words
USING fts5(uid UNINDEXED, words, tokenize = 'unicode61 remove_diacritics 0')
""",
    """
CREATE TRIGGER payments_words AFTER INSERT ON payments
WHEN NEW.description IS NOT NULL OR NEW.metadata <> '{}'
BEGIN
    INSERT INTO payment_words (uid, words) VALUES (
        NEW.uid,
        coalesce(NEW.description, '') || ' ' ||
        coalesce((SELECT group_concat(value, ' ') FROM json_each(NEW.metadata)), '')
    );
END
""",
    """
INSERT INTO payment_words (uid, words)
SELECT uid,
    coalesce(description, '') || ' ' ||
    coalesce((SELECT group_concat(value, ' ') FROM json_each(metadata)), '')
FROM payments WHERE description IS NOT NULL OR metadata <> '{}'
""",
)


def upgrade() -> None:
    """Create what an index of words is of; on SQLite the words stand in a table by a trigger."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_WORDS)
    else:
        for statement in _FILLED:
            op.execute(statement)


def indexes(dialect: str) -> dict[str, str]:
    """Return the indexes, which are built beside writes."""
    failed = f"merchant, {_CODE[dialect]}, created_at, uid"
    found = {**_LISTS, "ix_payments_failure": f"payments ({failed}) WHERE failure IS NOT NULL"}
    if dialect == "postgresql":
        worded = f"USING gin (payment_words(description, metadata)) WHERE {_WORDED}"
        found["ix_payments_words"] = f"payments {worded}"
    return found
