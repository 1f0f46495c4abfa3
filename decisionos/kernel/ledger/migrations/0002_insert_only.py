"""Refuse to change or remove ledger rows, whoever asks, except the owner of the tables."""

from django.db import migrations

TABLES = ("kernel_ledger_entry", "kernel_ledger_seal", "kernel_ledger_checkpoint", "kernel_ledger_tile")

FUNCTION = """
CREATE FUNCTION kernel_ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        RAISE EXCEPTION 'the ledger is insert-only: % on % is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("kernel_ledger", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION kernel_ledger_refuse()"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION kernel_ledger_refuse()",
                f"DROP TRIGGER insert_only ON {table}",
            )
            for table in TABLES
        ),
    ]
