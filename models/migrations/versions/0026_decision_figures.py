"""What is counted of decisions, in a table of its own, and what finds rare entries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# Of denials: the checks that said no, without a size that is too small because of the others.
_BACKFILL = """
INSERT INTO decision_figures
    (request_id, decided_at, verdict, reasons, blamed, missing, confidence, model_version)
SELECT d.request_id, d.decided_at, d.verdict,
    CASE WHEN denied THEN ARRAY(SELECT jsonb_array_elements_text(d.decision -> 'reasons'))
        ELSE '{}' END,
    ARRAY(SELECT bad ->> 'name' FROM jsonb_array_elements(said_no) AS bad
        WHERE every_one OR bad ->> 'name' NOT IN ('min_qty', 'min_notional')),
    ARRAY(SELECT bad ->> 'name' FROM jsonb_array_elements(said_no) AS bad
        WHERE bad ->> 'status' = 'unknown'
            AND (every_one OR bad ->> 'name' NOT IN ('min_qty', 'min_notional'))),
    CASE WHEN jsonb_typeof(d.intent -> 'model' -> 'confidence') = 'number'
        THEN (d.intent -> 'model' ->> 'confidence')::float8 END,
    d.intent -> 'model' ->> 'model_version'
FROM decision AS d
CROSS JOIN LATERAL (SELECT d.verdict = 'deny' AS denied) AS v
CROSS JOIN LATERAL (
    SELECT CASE WHEN denied THEN jsonb_path_query_array(
        d.decision, '$.checks[*] ? (@.status == "fail" || @.status == "unknown")'
    ) ELSE '[]' END AS said_no
) AS n
CROSS JOIN LATERAL (
    SELECT NOT jsonb_path_exists(
        said_no, '$[*] ? (@.name != "min_qty" && @.name != "min_notional")'
    ) AS every_one
) AS e
"""


def upgrade() -> None:
    op.create_table(
        "decision_figures",
        sa.Column("request_id", sa.Text(), sa.ForeignKey("decision.request_id"), primary_key=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reasons", ARRAY(sa.Text()), nullable=False),
        sa.Column("blamed", ARRAY(sa.Text()), nullable=False),
        sa.Column("missing", ARRAY(sa.Text()), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("risk_level", sa.Text(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
    )
    op.execute(_BACKFILL)
    op.create_index("ix_decision_figures_decided", "decision_figures", ["decided_at"])
    op.create_index("ix_parent_started", "parent_order", ["start_at"])
    op.create_index(
        "ix_parent_finished",
        "parent_order",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "ix_audit_rare",
        "audit_entry",
        ["kind", "at"],
        postgresql_where=sa.text("kind IN ('halted', 'breaker_tripped', 'bad_message')"),
    )


def downgrade() -> None:
    op.drop_index("ix_audit_rare", table_name="audit_entry")
    op.drop_index("ix_parent_finished", table_name="parent_order")
    op.drop_index("ix_parent_started", table_name="parent_order")
    op.drop_table("decision_figures")
