"""Whose somebody is, the suspended organizations included, so that a refusal can name them."""

from django.db import migrations

CREATE = """
CREATE FUNCTION tenancy_identity_memberships_of(person uuid)
RETURNS TABLE (tenant_id uuid, slug text, name text, active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT m.tenant_id, o.slug::text, o.name::text, o.status = 'active'
    FROM public.tenancy_identity_membership m
    JOIN public.tenancy_organizations_organization o ON o.id = m.tenant_id
    WHERE m.user_id = person ORDER BY m.created_at, m.id
$$;
REVOKE ALL ON FUNCTION tenancy_identity_memberships_of(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy_identity_memberships_of(uuid) TO dos_app;
ALTER FUNCTION tenancy_identity_memberships_of(uuid) OWNER TO dos_platform;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy_identity", "0002_doors"),
        ("tenancy_organizations", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(CREATE, "DROP FUNCTION tenancy_identity_memberships_of(uuid)"),
    ]
