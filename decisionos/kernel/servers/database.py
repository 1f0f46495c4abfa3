"""Prepare a database: three roles, the database itself, and what each role may do.

``dos_owner`` owns the tables and migrates; ``dos_app`` serves and owns nothing, so that row-level security
binds it; ``dos_platform`` is the audited connection across tenants. Safe to run at every start.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

OWNER, APP, PLATFORM = "dos_owner", "dos_app", "dos_platform"
ROLES = (OWNER, APP, PLATFORM)


class RolesMissing(Exception):
    """The given account may not create roles; the message holds the SQL for somebody who may."""


def roles_sql(passwords: dict[str, str]) -> list[str]:
    """Return the statements that make the three roles."""
    statements = [
        f"CREATE ROLE {role} LOGIN" + (f" PASSWORD '{passwords[role]}'" if passwords.get(role) else "")
        for role in ROLES
    ]
    return [*statements, f"GRANT {PLATFORM} TO {OWNER}"]


def ensure_roles(dsn: str, passwords: dict[str, str]) -> None:
    """Create the roles that are missing and set their passwords; raises RolesMissing."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        present = {
            row[0]
            for row in connection.execute(
                "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [list(ROLES)]
            )
        }
        try:
            for role in ROLES:
                password = passwords.get(role)
                clause = sql.SQL(" PASSWORD {}").format(sql.Literal(password)) if password else sql.SQL("")
                verb = "ALTER" if role in present else "CREATE"
                if role in present and not password:
                    continue
                connection.execute(
                    sql.SQL("{} ROLE {} LOGIN{}").format(sql.SQL(verb), sql.Identifier(role), clause)
                )
            connection.execute(f"GRANT {PLATFORM} TO {OWNER}")
        except psycopg.errors.InsufficientPrivilege as error:
            hint = ";\n".join(roles_sql(dict.fromkeys(ROLES, "choose-a-password")))
            raise RolesMissing(
                f"The account of DATABASE_URL may not create roles. Have run:\n{hint};"
            ) from error


def ensure_database(dsn: str, name: str) -> None:
    """Create the database, owned by the owner role, when it is missing."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(name), sql.Identifier(OWNER)
                )
            )


def open_schema(dsn: str) -> None:
    """Let the owner and the platform role create in the schema, and nobody else."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"ALTER SCHEMA public OWNER TO {OWNER}")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {PLATFORM}")
        connection.execute(f"GRANT USAGE ON SCHEMA public TO {APP}")


def grant(dsn: str, *, insert_only: Iterable[str]) -> None:
    """Give the two serving roles their rights on every table; run as the owner after migrations."""
    both = f"{APP}, {PLATFORM}"
    with psycopg.connect(dsn) as connection:
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {both}")
        connection.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {both}")
        connection.execute(f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {both}")
        for table in insert_only:
            connection.execute(
                sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}, {}").format(
                    sql.Identifier(table), sql.Identifier(APP), sql.Identifier(PLATFORM)
                )
            )
