"""Two narrow look-ups that are needed before a tenant is known. They belong to the platform role."""

from django.db import migrations

FIND_KEY = """
CREATE FUNCTION tenancy_identity_find_key(wanted text)
RETURNS TABLE (id uuid, prefix text, tenant_id uuid, tenant_slug text, tenant_active boolean, kind text, name text,
    role text, scopes jsonb, user_id uuid, project_id uuid, secret_hash text, expires_at timestamptz,
    revoked_at timestamptz, user_active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT k.id, k.prefix::text, k.tenant_id, o.slug::text, o.status = 'active', k.kind::text, k.name::text,
        k.role::text, k.scopes, k.user_id, k.project_id, k.secret_hash::text, k.expires_at, k.revoked_at,
        coalesce(u.is_active, true)
    FROM public.tenancy_identity_apikey k
    JOIN public.tenancy_organizations_organization o ON o.id = k.tenant_id
    LEFT JOIN public.tenancy_identity_user u ON u.id = k.user_id
    WHERE k.prefix = wanted
$$;
CREATE FUNCTION tenancy_identity_organizations_of(person uuid)
RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT m.tenant_id FROM public.tenancy_identity_membership m
    JOIN public.tenancy_organizations_organization o ON o.id = m.tenant_id AND o.status = 'active'
    WHERE m.user_id = person ORDER BY m.created_at, m.id
$$;
REVOKE ALL ON FUNCTION tenancy_identity_find_key(text), tenancy_identity_organizations_of(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy_identity_find_key(text), tenancy_identity_organizations_of(uuid) TO dos_app;
GRANT SELECT ON tenancy_identity_apikey, tenancy_identity_membership, tenancy_organizations_organization,
    tenancy_identity_user TO dos_platform;
ALTER FUNCTION tenancy_identity_find_key(text) OWNER TO dos_platform;
ALTER FUNCTION tenancy_identity_organizations_of(uuid) OWNER TO dos_platform;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy_identity", "0001_initial"),
        ("tenancy_organizations", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(
            FIND_KEY,
            "DROP FUNCTION tenancy_identity_find_key(text); DROP FUNCTION tenancy_identity_organizations_of(uuid)",
        )
    ]
