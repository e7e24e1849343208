"""The second door: row-level security, rights and triggers, built from the models after every migration.

Everything the web role may touch is named here; a table that is not named is closed to it. Helper functions take no argument
and are asked once per statement (``(select f())`` becomes an InitPlan), never once per row.

* Guarded tables: own agency's unrestricted holdings, or a live grant. Writing needs the level contribute.
* BetweenTwo tables: both sides visible.
* Append-only tables: no UPDATE or DELETE for anyone but the owner of the tables, and a trigger that refuses both.
* Nothing is ever deleted by web or jobs, sessions and finished jobs apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.apps import apps
from django.db import connection, transaction

from opencets_web.accounts.models import READING_ROLES
from opencets_web.audit.sealer import LEAF
from opencets_web.policy.acting import padded_key
from opencets_web.policy.models import BetweenTwo, Guarded

APPEND_ONLY = (
    "audit_act",
    "audit_purpose",
    "audit_seal",
    "audit_checkpoint",
    "audit_signingkey",
    "evidence_custodyentry",
    "cases_fieldchange",
    "casework_decision",
)
READ_ONLY_FOR_WEB = (
    "evidence_record", "evidence_claim", "evidence_reportline", "media_media", "media_frame",
    "media_nearduplicate", "entities_match", "entities_weightturn", "leads_connection", "leads_pointer", "sharing_origin",
    "grading_series", "grading_seriesmember",
    "cameras_noiselook", "cameras_cameramatch",
    "marks_markmatch",
    "texts_visibletext", "texts_messagelanguage", "texts_languagepass", "desk_namekey",
)  # fmt: skip
WEB_ADDS_ONLY = ("evidence_blob",)
_OWN = " and agency_id = (select app_agency())"
OWN_BUSINESS = {
    "leads_pointer": _OWN,
    "sharing_request": _OWN,
    "sharing_asked": _OWN,
    "sharing_release": _OWN,
    "casework_notice": " and officer_id = (select app_officer())",
    "casework_presence": (
        " and (agency_id = (select app_agency()) or of_agency_id = (select app_agency()) or of_agency_id = agency_id)"
    ),
    "inquiries_inquiry": _OWN,
    "inquiries_inquiryvalue": _OWN,
    "inquiries_inquirystep": _OWN,
    "disclosure_package": _OWN,
    "disclosure_receipt": _OWN,
    "releases_partrequest": _OWN,
    "releases_partasked": _OWN,
    "releases_partrelease": _OWN,
    "releases_releaseitem": _OWN,
    "releases_receivedpart": _OWN + " and (for_officers = '{}' or (select app_officer()) = any (for_officers))",
    "deconfliction_declaration": _OWN,
    "deconfliction_declaredvalue": _OWN,
    "deconfliction_conflict": _OWN,
    "deconfliction_threadline": _OWN,
    "grading_entryrelease": _OWN,
    # What is frozen on a chart is open to those alone who may see all of it.
    "charts_savedchart": " and (holdings = '{}' or app_sees_all(holdings))",
    "leads_alert": " and (agency_id = (select app_agency()) or kind in ('connection', 'known'))",
}
"""What a partner on a case does not see of it: whom its agency was pointed to, asks, answers, and to whom else it released."""
OF_ONE_OFFICER = {
    "casework_notice": ("officer_id = (select app_officer())", True),
    "casework_presence": ("officer_id = (select app_officer())", True),
    "casework_task": ("for_officer_id = (select app_officer())", False),
}
"""Rows that an officer changes who may only read the case: whose they are, and whether nobody else changes them."""
BY_ONESELF = ("grading_gradingact", "grading_grade")
"""Votes: added and ended by the officer whose they are, and by nobody for another."""
FED = (
    "case.opened", "case.changed", "case.closed", "case.reopened", "exhibit.received", "exhibit.read",
    "exhibit.columns-corrected", "note.added", "note.withdrawn", "note.restored", "number.added", "number.removed",
    "judgement.made", "judgement.undone", "comment.written", "comment.withdrawn", "comment.restored", "task.given",
    "task.done", "task.reopened", "task.withdrawn", "task.restored", "decision.made",
)  # fmt: skip
"""The acts of a case that everybody on it reads as they happen. Looks, and what one agency does with others, are not."""
FED_TO_OWNER = (
    "case.joined", "case.left", "release.made", "release.withdrawn", "invitation.made", "invitation.accepted",
    "invitation.declined", "invitation.reconsidered", "invitation.left",
)  # fmt: skip
BLIND_ONLY = (
    "media_signal", "media_hashentry", "entities_identifier", "entities_placement", "entities_candidatekey", "leads_pointersecret",
    "deconfliction_conflictsecret", "push_delivery", "marks_regionsignal", "marks_framesignal",
)  # fmt: skip
_APART = "'._-@|:/\\()[]+,#', '               '"
WORDED = (
    "{0}normal is not null and {0}kind in ('name','email','handle','account_id','payment_handle','camera_serial',"
    "'device_serial','address')"
)
VALUE_WORDS = f"to_tsvector('simple'::regconfig, translate({{0}}normal, {_APART}))"
TEXT_WORDS = "to_tsvector('simple'::regconfig, coalesce(t.terms, ''))"
UNSPACED_SCRIPTS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Scripts that are written without spaces: Thai, Lao, Burmese, Khmer, kana, Chinese characters."""
UNSPACED = f"{{0}}body ~ '[{UNSPACED_SCRIPTS}]'"
FILE_WORDS = f"to_tsvector('simple'::regconfig, translate({{0}}name, {_APART}))"
"""What ``desk/migrations/0001_words`` indexes: the words of values and of file names. An index serves only the same text."""

OPEN_INVITATION = (
    "i.token_hash = encode(sha256(convert_to(token, 'UTF8')), 'hex') and i.used_at is null and i.withdrawn_at is null"
    " and i.expires_at > now()"
)

QUEUE = ("procrastinate_jobs", "procrastinate_events", "procrastinate_periodic_defers", "procrastinate_workers")


@dataclass(frozen=True, slots=True)
class Rights:
    """What a role may do with a table, as a list of privileges; empty: nothing."""

    web: str = ""
    jobs: str = ""
    blind: str = ""
    policies: tuple[str, ...] = field(default=())


def guarded_tables() -> list[str]:
    """Tables of the models behind one Holding."""
    return sorted(model._meta.db_table for model in apps.get_models() if issubclass(model, Guarded))


def between_tables() -> list[str]:
    """Tables of the models between two Holdings."""
    return sorted(model._meta.db_table for model in apps.get_models() if issubclass(model, BetweenTwo))


def _texts(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_NO_WORDS = "asked = '' and of_language <> ''"
_TEXT_ASKED = f"asked <> '' and {TEXT_WORDS} @@ to_tsquery('simple', asked)"
_BODY_ASKED = (
    "asked <> '' and to_tsvector('simple'::regconfig, coalesce(r.body, '')) @@ websearch_to_tsquery('simple', asked)"
)


_PAIRS_ASKED = f"{UNSPACED.format('r.')} and app_letter_pairs(r.body) @> pairs"
_WITHIN = (
    "(of_case is null or r.case_id = of_case) and (since = '' or r.at_text >= since)"
    " and (until = '' or (r.at_text <> '' and r.at_text < until || '~'))"
)


def _messages_of(asked: str) -> str:
    """Messages as ``asked``, of a case and a time where these are given: one branch of a search."""
    return (
        f"select r.id from evidence_record r where {asked} and {_WITHIN} and r.kind = 'message' and r.retired_at is null"
        f" and {sees('r.holding_id', 'r.agency_id')}"
    )


def _messages_in(asked: str) -> str:
    """Messages in a language, as ``asked``: one branch of a search."""
    return (
        f"select r.id from evidence_record r join texts_messagelanguage l on l.record_id = r.id where {asked}"
        " and l.language = of_language and r.kind = 'message' and r.retired_at is null"
        f" and {sees('r.holding_id', 'r.agency_id')}"
    )


def _visible(asked: str) -> str:
    """Visible texts, as ``asked``, in a language and of a case where these are given: one branch of a search."""
    return (
        f"select t.id from texts_visibletext t where {asked} and (of_language = '' or t.language = of_language)"
        f" and (of_case is null or t.case_id = of_case) and t.retired_at is null and {sees('t.holding_id', 't.agency_id')}"
    )


def _functions() -> list[str]:
    roles = ", ".join(f"'{role}'" for role in sorted(READING_ROLES))
    reads = f"o.is_active and o.roles && array[{roles}]::varchar[]"
    live = "g.state = 'open' and g.withdrawn_at is null and g.granted_at <= now() and g.expires_at > now()"
    for_me = "(g.to_officer_id = app_officer() or g.to_agency_id = app_agency())"
    head = "language sql stable security definer set search_path = pg_catalog, public"
    return [
        # The web role proves as whom it acts, at most five minutes before the transaction began; the jobs role serves no browser.
        f"create or replace function app_officer() returns uuid {head} as "
        "$$ select nullif(current_setting('app.officer', true), '')::uuid where session_user <> 'opencets_web' or exists"
        " (select 1 from policy_identitykey k, split_part(current_setting('app.proof', true), ' ', 1) said,"
        " split_part(current_setting('app.proof', true), ' ', 2) mark where said ~ '^[0-9]{1,12}$'"
        " and abs(extract(epoch from now()) - said::bigint) < 300 and mark = encode(sha256(k.outer_block || sha256(k.inner_block"
        " || convert_to(current_setting('app.officer', true) || ' ' || said, 'UTF8'))), 'hex')) $$",
        f"create or replace function app_agency() returns uuid {head} as "
        f"$$ select o.agency_id from accounts_officer o where o.id = app_officer() and {reads} $$",
        f"create or replace function app_own_agency() returns uuid {head} as "
        "$$ select o.agency_id from accounts_officer o where o.id = app_officer() and o.is_active $$",
        f"create or replace function app_auditor_agency() returns uuid {head} as "
        "$$ select o.agency_id from accounts_officer o where o.id = app_officer() and o.is_active and 'auditor' = any(o.roles) $$",
        f"create or replace function app_administrator_agency() returns uuid {head} as "
        "$$ select o.agency_id from accounts_officer o where o.id = app_officer() and o.is_active"
        " and 'administrator' = any(o.roles) $$",
        f"create or replace function app_oversees() returns boolean {head} as "
        "$$ select exists (select 1 from accounts_officer o where o.id = app_officer() and o.is_active"
        " and o.roles && array['supervisor', 'auditor']::varchar[]) $$",
        "create or replace function app_may_enter(room text) returns boolean language sql stable security definer"
        " set search_path = pg_catalog, public as $$ select exists (select 1 from accounts_officer o join accounts_agency a"
        " on a.id = o.agency_id where o.id = app_officer() and o.is_active and (room <> all (a.certified_rooms) or exists"
        " (select 1 from accounts_certification c where c.officer_id = o.id and c.kind = room and c.withdrawn_at is null"
        " and c.issued_on <= current_date and c.expires_on > current_date))) $$",
        "create or replace function app_read_invitation(token text) returns table(email text, display_name text, agency text)"
        f" {head} as $$ select i.email, i.display_name, a.name from officers_invitation i join accounts_agency a"
        f" on a.id = i.agency_id where {OPEN_INVITATION} $$",
        # The only way in which the web role comes to a new officer: a token whose hash an administrator's invitation keeps.
        "create or replace function app_accept_invitation(token text, made uuid, password_hash text) returns uuid"
        " language sql volatile security definer set search_path = pg_catalog, public as $$"
        f" with used as (update officers_invitation i set used_at = now() where {OPEN_INVITATION} returning i.*)"
        " insert into accounts_officer (id, email, display_name, agency_id, roles, password, is_active, created_at, unit,"
        " closed_because, failed_at, notice_seen) select made, u.email, u.display_name, u.agency_id, u.roles, password_hash,"
        " true, now(), u.unit, '', '{}', '' from used u returning id $$",
        # A subject of an identity provider becomes an officer only for a mark that SQL cannot make (``federation.entrance``), and
        # only an officer whom an administrator of the provider's own agency has invited.
        "create or replace function app_bind_subject(of_provider uuid, of_subject text, address text, made uuid, said text,"
        " mark text) returns uuid language plpgsql volatile security definer set search_path = pg_catalog, public as $$"
        " declare of_agency uuid; who uuid; begin"
        " if said !~ '^[0-9]{1,12}$' or abs(extract(epoch from now()) - said::bigint) >= 300 or not exists (select 1 from"
        " policy_identitykey k where mark = encode(sha256(k.outer_block || sha256(k.inner_block || convert_to('bind ' ||"
        " of_provider || ' ' || of_subject || ' ' || address || ' ' || said, 'UTF8'))), 'hex')) then return null; end if;"
        " select p.agency_id into of_agency from federation_identityprovider p where p.id = of_provider and p.ended_at is null"
        " and p.switched_on_at is not null and lower(split_part(address, '@', 2)) = any (p.domains);"
        " if of_agency is null then return null; end if;"
        " select o.id into who from accounts_officer o where lower(o.email) = lower(address) and o.agency_id = of_agency"
        " and o.is_active;"
        " if who is null then"
        " with used as (update officers_invitation i set used_at = now() where lower(i.email) = lower(address)"
        " and i.agency_id = of_agency and i.used_at is null and i.withdrawn_at is null and i.expires_at > now() returning i.*)"
        " insert into accounts_officer (id, email, display_name, agency_id, roles, password, is_active, created_at, unit,"
        " closed_because, failed_at, notice_seen) select made, u.email, u.display_name, u.agency_id, u.roles,"
        " '!' || replace(gen_random_uuid()::text, '-', ''), true, now(), u.unit, '', '{}', '' from used u limit 1"
        " returning id into who; end if;"
        " if who is null then return null; end if;"
        " insert into federation_binding (id, agency_id, provider_id, officer_id, subject, bound_at)"
        " values (gen_random_uuid(), of_agency, of_provider, who, of_subject, now()); return who; end $$",
        "create or replace function federation_kept() returns trigger language plpgsql set search_path = pg_catalog, public as $$"
        " declare rest federation_binding := new; begin"
        " if tg_op = 'INSERT' then if not exists (select 1 from federation_identityprovider p, accounts_officer o"
        " where p.id = new.provider_id and o.id = new.officer_id and p.agency_id = new.agency_id"
        " and o.agency_id = new.agency_id) then raise exception 'a provider speaks for its own agency''s officers alone'"
        " using errcode = 'insufficient_privilege'; end if; return new; end if;"
        " rest.ended_at := old.ended_at; rest.confirmed_at := old.confirmed_at;"
        " if rest is distinct from old or (current_user = 'opencets_web' and new.confirmed_at is distinct from old.confirmed_at"
        " and new.officer_id is distinct from app_officer()) or (current_user = 'opencets_web'"
        " and new.ended_at is distinct from old.ended_at and new.agency_id is distinct from app_administrator_agency()) then"
        " raise exception 'a binding ends, and is not changed' using errcode = 'insufficient_privilege'; end if;"
        " return new; end $$",
        "create or replace function accounts_kept() returns trigger language plpgsql set search_path = pg_catalog, public as $$"
        " begin if current_user <> 'opencets_web' then return new; end if;"
        " if tg_table_name = 'accounts_agency' then if new.id is distinct from app_administrator_agency() or new.id <> old.id then"
        " raise exception 'only an administrator changes an agency' using errcode = 'insufficient_privilege'; end if;"
        " elsif (new.id, new.agency_id, new.email, new.roles, new.unit, new.display_name, new.is_active, new.created_at)"
        " is distinct from"
        " (old.id, old.agency_id, old.email, old.roles, old.unit, old.display_name, old.is_active, old.created_at)"
        " and (old.agency_id is distinct from app_administrator_agency() or new.agency_id <> old.agency_id"
        " or new.id <> old.id or new.email <> old.email or (new.id = app_officer() and new.roles <> old.roles)) then"
        " raise exception 'only an administrator changes an officer' using errcode = 'insufficient_privilege'; end if;"
        " return new; end $$",
        # The day of the officer's clock, where the officer keeps one (hours of rest), else that of UTC: a purpose holds for it.
        f"create or replace function app_day() returns date {head} as "
        "$$ select (now() at time zone coalesce((select q.zone from standards_quiethours q where q.officer_id = app_officer()),"
        " 'UTC'))::date $$",
        f"create or replace function app_open_holdings() returns uuid[] {head} as "
        f"$$ select coalesce(array_agg(g.holding_id), '{{}}') from policy_grant g where {live} and {for_me} $$",
        f"create or replace function app_writable_holdings() returns uuid[] {head} as "
        f"$$ select coalesce(array_agg(g.holding_id), '{{}}') from policy_grant g where {live} and {for_me}"
        " and g.level in ('contribute', 'manage') $$",
        f"create or replace function app_closed_holdings() returns uuid[] {head} as "
        "$$ select coalesce(array_agg(h.id), '{}') from policy_holding h where h.agency_id = app_agency() and h.restricted"
        f" and not exists (select 1 from policy_grant g where g.holding_id = h.id and {live} and {for_me}) $$",
        f"create or replace function app_read_only_holdings() returns uuid[] {head} as "
        "$$ select coalesce(array_agg(h.id), '{}') from policy_holding h where h.agency_id = app_agency() and h.restricted"
        f" and not exists (select 1 from policy_grant g where g.holding_id = h.id and {live} and {for_me}"
        " and g.level in ('contribute', 'manage')) $$",
        f"create or replace function app_sees_all(holdings uuid[]) returns boolean {head} as "
        "$$ select not exists (select 1 from unnest(holdings) x(id) where not exists (select 1 from policy_holding h"
        " where h.id = x.id and ((h.agency_id = app_agency() and h.id <> all (app_closed_holdings()))"
        " or h.id = any (app_open_holdings())))) $$",
        f"create or replace function app_pointer_hidden(pointer uuid) returns boolean {head} as "
        "$$ select exists (select 1 from leads_pointersecret s join cases_case k on k.id = s.other_case_id"
        " join leads_pointer p on p.id = s.pointer_id where s.pointer_id = pointer and app_sees_all(array[p.holding_id])"
        " and not app_sees_all(array[k.holding_id])) $$",
        # The same for all pointers of the officer's agency at once: asked once for a page, not once for each pointer.
        f"create or replace function app_hidden_pointers() returns uuid[] {head} as "
        "$$ select coalesce(array_agg(p.id), '{}') from leads_pointer p join leads_pointersecret s on s.pointer_id = p.id"
        " join cases_case k on k.id = s.other_case_id where p.retired_at is null and p.agency_id = (select app_agency())"
        f" and {sees('p.holding_id', 'p.agency_id')} and not coalesce({sees('k.holding_id', 'k.agency_id')}, false) $$",
        # Searching words: below a policy the index of words is not used (its operators are not leakproof), so these three look
        # past the policies with the same condition inside. They give ids only, and the page reads the rows as its officer.
        f"create or replace function app_search_messages(words text, most integer) returns setof uuid {head} as "
        "$$ select r.id from evidence_record r where to_tsvector('simple'::regconfig, coalesce(r.body, ''))"
        " @@ websearch_to_tsquery('simple', words) and r.kind = 'message' and r.retired_at is null"
        f" and {sees('r.holding_id', 'r.agency_id')} limit least(most, 2000) $$",
        "create or replace function app_search_values(words text, most integer) returns table(claim uuid, claims bigint)"
        f" {head} as $$ select (array_agg(c.id))[1], count(*) from (select c.id, c.kind, c.normal from evidence_claim c"
        f" where {VALUE_WORDS.format('c.')} @@ to_tsquery('simple', words) and {WORDED.format('c.')}"
        f" and {sees('c.holding_id', 'c.agency_id')} limit 20000) c group by c.kind, c.normal"
        " order by count(*) desc, c.normal limit least(most, 2000) $$",
        f"create or replace function app_search_files(words text, most integer) returns setof uuid {head} as "
        f"$$ select f.id from evidence_exhibitfile f where {FILE_WORDS.format('f.')} @@ to_tsquery('simple', words)"
        f" and {sees('f.holding_id', 'f.agency_id')} limit least(most, 2000) $$",
        # Two branches, so that each uses its own index whatever is asked; a branch that is not asked for costs nothing.
        f"create or replace function app_search_messages_in(asked text, of_language text, most integer) returns setof uuid {head}"
        f" as $$ select r.id from ({_messages_in(_BODY_ASKED)} union all {_messages_in(_NO_WORDS)}) r"
        " limit least(most, 2000) $$",
        "create or replace function app_search_visible(asked text, of_language text, of_case uuid, most integer) returns setof uuid"
        f" {head} as $$ select t.id from ({_visible(_TEXT_ASKED)} union all"
        f" {_visible(_NO_WORDS)}) t limit least(most, 20000) $$",
        # The same with a case, and with a time where there is one; a branch for each index.
        "create or replace function app_search_values_of(words text, of_case uuid, most integer) returns table(claim uuid,"
        f" claims bigint) {head} as $$ select (array_agg(c.id))[1], count(*) from (select c.id, c.kind, c.normal from"
        f" evidence_claim c where {VALUE_WORDS.format('c.')} @@ to_tsquery('simple', words) and {WORDED.format('c.')}"
        f" and (of_case is null or c.case_id = of_case) and {sees('c.holding_id', 'c.agency_id')} limit 20000) c"
        " group by c.kind, c.normal order by count(*) desc, c.normal limit least(most, 2000) $$",
        f"create or replace function app_search_files_of(words text, of_case uuid, most integer) returns setof uuid {head} as"
        f" $$ select f.id from evidence_exhibitfile f where {FILE_WORDS.format('f.')} @@ to_tsquery('simple', words)"
        " and (of_case is null or f.exhibit_id in (select e.id from evidence_exhibit e where e.case_id = of_case))"
        f" and {sees('f.holding_id', 'f.agency_id')} limit least(most, 2000) $$",
        "create or replace function app_search_messages_within(asked text, of_language text, of_case uuid, since text, until text,"
        f" most integer) returns setof uuid {head} as $$ select r.id from ("
        f"{_messages_of(_BODY_ASKED)} and of_language = '' union all {_messages_in(_BODY_ASKED)} and {_WITHIN}"
        f" union all {_messages_in(_NO_WORDS)} and {_WITHIN}) r limit least(most, 2000) $$",
        # Without spaces a text is one word; every two letters beside each other stand in an index of their own.
        "create or replace function app_search_unspaced(pairs text[], of_language text, of_case uuid, since text, until text,"
        f" most integer) returns setof uuid {head} as $$ {_messages_of(_PAIRS_ASKED)} and (of_language = '' or exists (select 1"
        " from texts_messagelanguage l where l.record_id = r.id and l.language = of_language)) limit least(most, 2000) $$",
        # Names by the keys of their spellings: those that share most keys, to be compared outside.
        "create or replace function app_search_names(asked text[], of_case uuid, most integer) returns table(normal text)"
        f" {head} as $$ select n.normal from desk_namekey n where n.keys && asked and {sees('n.holding_id', 'n.agency_id')}"
        " and (of_case is null or n.holding_id = (select k.holding_id from cases_case k where k.id = of_case))"
        " order by cardinality(array(select unnest(n.keys) intersect select unnest(asked))) desc, n.normal"
        " limit least(most, 2000) $$",
        # Acts are read by the owner's officers and by auditors; what a partner reads of a case's feed is said here, without
        # address and purpose of the acting officer.
        "create or replace function app_feed(of_holding uuid, most integer) returns table(id bigint, at timestamptz, verb text,"
        f" officer_id uuid, subject text, details text) {head} as $$ select a.id, a.at, a.verb, a.officer_id, a.subject, a.details"
        f" from audit_act a where a.holding_id = of_holding and {sees('a.holding_id', 'a.holding_agency_id')}"
        f" and (a.verb = any (array[{_texts(FED)}]) or (a.verb = any (array[{_texts(FED_TO_OWNER)}])"
        " and a.holding_agency_id = (select app_agency()))) order by a.id desc limit least(most, 200) $$",
        f"create or replace function app_last_checkpoint() returns setof audit_checkpoint {head} as "
        "$$ select c.* from audit_checkpoint c where app_auditor_agency() is not null order by c.size desc limit 1 $$",
        # The places of all leaves below a size, from which an auditor's extract proves its own: hashes and numbers, no act.
        "create or replace function app_seal_leaves(below bigint) returns table(leaf_number bigint, act_id bigint, leaf bytea)"
        f" {head} as $$ select s.leaf_number, s.act_id, s.leaf from audit_seal s where s.leaf_number < below"
        " and app_auditor_agency() is not null order by s.leaf_number $$",
        "create or replace function audit_leaf() returns trigger language plpgsql set search_path = pg_catalog, public as $$"
        " begin new.at := date_trunc('milliseconds', clock_timestamp());"
        " new.written_in := pg_current_xact_id()::text::bigint;"
        f" select {LEAF} into new.leaf from (select new.*) act; return new; end $$",
        # The invited side writes its answer and nothing else; the owner writes all else and never the answer.
        "create or replace function grant_answer() returns trigger language plpgsql set search_path = pg_catalog, public as $$"
        " declare rest policy_grant := new; begin"
        " if app_agency() is null or (app_agency() = old.agency_id and new.state = old.state) then return new; end if;"
        " rest.state := old.state; rest.answered_at := old.answered_at; rest.answered_by_id := old.answered_by_id;"
        " rest.answer := old.answer;"
        " if rest is distinct from old or old.to_agency_id is distinct from app_agency() or not old.invited"
        " or old.withdrawn_at is not null or old.expires_at <= now()"
        " or (new.state = 'invited' and old.state <> 'declined')"
        " or new.answered_by_id is distinct from app_officer()"
        " then raise exception 'a grant is answered by the agency it is for' using errcode = 'insufficient_privilege'; end if;"
        " return new; end $$",
        # Emergency access. A second officer, a supervisor of the same agency, answers within the time; what is confirmed opens the
        # agency's own closed case of that number, for reading, and those who manage it find a notice. Nothing else writes there.
        # A notice is sealed for its row: its ids and sealed sentences are made beforehand, as many as may be needed.
        "drop function if exists app_answer_emergency(uuid, boolean, text);"
        " create or replace function app_answer_emergency(asked uuid, yes boolean, said text, made uuid[], words text[])"
        " returns table(holding uuid, case_id uuid, told uuid[]) language plpgsql volatile security definer"
        " set search_path = pg_catalog, public as $$ declare e emergencies_emergencyaccess; k cases_case; given uuid; begin"
        " select x.* into e from emergencies_emergencyaccess x join accounts_officer o on o.id = app_officer() and o.is_active"
        " and 'supervisor' = any(o.roles) and o.agency_id = x.agency_id where x.id = asked and x.asked_by_id <> o.id"
        " and x.answered_at is null and x.lapses_at > now() for update of x;"
        " if e.id is null then raise exception 'an emergency is answered by a second officer, a supervisor, in time'"
        " using errcode = 'insufficient_privilege'; end if;"
        " if yes then select c.* into k from cases_case c join policy_holding h on h.id = c.holding_id and h.restricted"
        " where c.reference = e.reference and c.agency_id = e.agency_id; end if;"
        " if k.id is not null then given := gen_random_uuid();"
        " insert into policy_grant (id, holding_id, agency_id, to_officer_id, level, purpose, granted_by_id, granted_at,"
        " expires_at, withdrawn_because, invited, state, answer) values (given, k.holding_id, k.agency_id, e.asked_by_id, 'read',"
        " 'Emergency: ' || e.reason, app_officer(), now(), now() + make_interval(hours => e.hours), '', false, 'open', '');"
        " with managing as (select o.id, row_number() over (order by o.id) as n from accounts_officer o"
        " where o.is_active and o.id <> e.asked_by_id and (o.id in"
        " (select g.to_officer_id from policy_grant g where g.holding_id = k.holding_id and g.level = 'manage' and"
        f" {live}) or o.id in (select a.officer_id from cases_assignment a where a.case_id = k.id and a.until_at is null))),"
        " kept as (insert into casework_notice (id, holding_id, agency_id, case_id, officer_id, by_id, sentence, url, at)"
        " select made[m.n], k.holding_id, k.agency_id, k.id, m.id, app_officer(), words[m.n],"
        " '/cases/' || k.reference || '/access/', now() from managing m where m.n <= cardinality(made) returning officer_id)"
        " select coalesce(array_agg(officer_id), '{}') into told from kept; end if;"
        " update emergencies_emergencyaccess x set answered_by_id = app_officer(), answered_at = now(), confirmed = yes,"
        " answer = said, grant_id = given, opened_until = case when given is not null then"
        " now() + make_interval(hours => e.hours) end where x.id = e.id;"
        " holding := k.holding_id; case_id := k.id; return next; end $$",
        # Before its time: whoever asked, a supervisor, or one who manages the case.
        "create or replace function app_end_emergency(asked uuid) returns uuid language plpgsql volatile security definer"
        " set search_path = pg_catalog, public as $$ declare found uuid; begin"
        " update policy_grant g set withdrawn_at = now(), withdrawn_by_id = app_officer(), withdrawn_because ="
        " 'Ended early' from emergencies_emergencyaccess e, accounts_officer o where e.id = asked and g.id = e.grant_id"
        " and g.withdrawn_at is null and g.expires_at > now() and o.id = app_officer() and o.is_active"
        " and o.agency_id = e.agency_id and (o.id = e.asked_by_id or 'supervisor' = any(o.roles)"
        " or g.holding_id = any (app_writable_holdings())) returning g.holding_id into found;"
        " if found is not null then update emergencies_emergencyaccess set ended_at = now() where id = asked; end if;"
        " return found; end $$",
        # Afterwards: a third officer of the agency, supervisor or auditor; null takes it back.
        "create or replace function app_review_emergency(asked uuid, yes boolean, said text) returns boolean language plpgsql"
        " volatile security definer set search_path = pg_catalog, public as $$ begin"
        " update emergencies_emergencyaccess e set accepted = yes, review = said,"
        " reviewed_by_id = case when yes is not null then o.id end, reviewed_at = case when yes is not null then now() end"
        " from accounts_officer o where e.id = asked and e.grant_id is not null and o.id = app_officer() and o.is_active"
        " and o.agency_id = e.agency_id and o.id not in (e.asked_by_id, e.answered_by_id)"
        " and o.roles && array['supervisor', 'auditor']::varchar[]; return found; end $$",
        f"create or replace function app_supervisor_agency() returns uuid {head} as "
        "$$ select o.agency_id from accounts_officer o where o.id = app_officer() and o.is_active"
        " and 'supervisor' = any(o.roles) $$",
        # What an agency's officers were shown, added up; a day on which fewer than five looked says nothing.
        f"create or replace function exposure_load(since date) returns table (day date, officers int, low float, middle float,"
        f" high float, severe float, minutes float) {head} as "
        '$$ select d."on", count(*)::int, percentile_cont(0.25) within group (order by d.count),'
        " percentile_cont(0.5) within group (order by d.count), percentile_cont(0.75) within group (order by d.count),"
        " percentile_cont(0.5) within group (order by d.by_severity[4]),"
        " percentile_cont(0.5) within group (order by d.seconds / 60)"
        " from exposure_day d join accounts_officer o on o.id = d.officer_id where o.agency_id = app_supervisor_agency()"
        ' and d."on" >= since and d.count > 0 group by d."on" having count(*) >= 5 order by d."on" $$',
        # Named are those alone whose day went over the agency's budget, and those who asked for a talk; no figure beside them.
        f"create or replace function exposure_named(since date) returns table (officer uuid, name text, over_on date,"
        f" asked_at timestamptz) {head} as "
        "$$ select o.id, o.display_name::text, over.day, s.talk_asked_at from accounts_officer o"
        " left join exposure_setting s on s.officer_id = o.id left join exposure_agencyrule r on r.agency_id = o.agency_id"
        ' left join lateral (select max(d."on") as day from exposure_day d where d.officer_id = o.id and d."on" >= since'
        " and (d.count >= coalesce(r.showings, 200) or d.seconds >= 60 * coalesce(r.minutes, 60))) over on true"
        " where o.agency_id = app_supervisor_agency() and o.is_active and (over.day is not null or s.talk_asked_at is not null)"
        " order by o.display_name $$",
        # Two forces on one computer at once: whoever has an open lead learns which agency has one too, and since when.
        f"create or replace function app_leads_met() returns table(lead uuid, other uuid, since timestamptz) {head} as "
        "$$ select mine.id, theirs.agency_id, theirs.opened_at from sightings_computerlead mine join sightings_computerlead"
        " theirs on theirs.identities && mine.identities and theirs.agency_id <> mine.agency_id and theirs.ended_at is null"
        " where mine.agency_id = app_agency() and mine.ended_at is null order by theirs.opened_at $$",
        # A device sends in its own name: this program says as which (``supervision.receiving``), and proves it as for an officer.
        f"create or replace function app_device() returns uuid {head} as "
        "$$ select d.id from supervision_device d where d.id = nullif(current_setting('app.device', true), '')::uuid"
        " and d.ended_at is null and (session_user <> 'opencets_web' or exists (select 1 from policy_identitykey k,"
        " split_part(current_setting('app.device_proof', true), ' ', 1) said,"
        " split_part(current_setting('app.device_proof', true), ' ', 2) mark where said ~ '^[0-9]{1,12}$'"
        " and abs(extract(epoch from now()) - said::bigint) < 300 and mark = encode(sha256(k.outer_block || sha256(k.inner_block"
        " || convert_to('device ' || current_setting('app.device', true) || ' ' || said, 'UTF8'))), 'hex'))) $$",
        f"create or replace function app_device_holding() returns uuid {head} as "
        "$$ select holding_id from supervision_device where id = app_device() $$",
        f"create or replace function app_device_agency() returns uuid {head} as "
        "$$ select agency_id from supervision_device where id = app_device() $$",
        # A sensor delivers in its own name too; a withdrawn one is still known, so that it can be told why it is refused.
        f"create or replace function app_sensor() returns uuid {head} as "
        "$$ select s.id from sightings_sensor s where s.id = nullif(current_setting('app.sensor', true), '')::uuid"
        " and (session_user <> 'opencets_web' or exists (select 1 from policy_identitykey k,"
        " split_part(current_setting('app.sensor_proof', true), ' ', 1) said,"
        " split_part(current_setting('app.sensor_proof', true), ' ', 2) mark where said ~ '^[0-9]{1,12}$'"
        " and abs(extract(epoch from now()) - said::bigint) < 300 and mark = encode(sha256(k.outer_block || sha256(k.inner_block"
        " || convert_to('sensor ' || current_setting('app.sensor', true) || ' ' || said, 'UTF8'))), 'hex'))) $$",
        f"create or replace function app_sensor_agency() returns uuid {head} as "
        "$$ select agency_id from sightings_sensor where id = app_sensor() $$",
        f"create or replace function app_sensor_delivers() returns boolean {head} as "
        "$$ select exists (select 1 from sightings_sensor where id = app_sensor() and withdrawn_at is null"
        " and expires_on >= (now() at time zone 'utc')::date) $$",
        "create or replace function refuse_change() returns trigger language plpgsql as $$"
        " begin raise exception '% is append-only: % refused', tg_table_name, tg_op using errcode = 'insufficient_privilege';"
        " end $$",
    ]


def sees(holding: str, agency: str) -> str:
    """SQL: the acting officer may see a row of this holding."""
    return (
        f"(({agency} = (select app_agency()) and {holding} <> all ((select app_closed_holdings())::uuid[]))"
        f" or {holding} = any ((select app_open_holdings())::uuid[]))"
    )


def writes(holding: str, agency: str) -> str:
    """SQL: the acting officer may write a row under this holding."""
    return (
        f"(({agency} = (select app_agency()) and {holding} <> all ((select app_read_only_holdings())::uuid[]))"
        f" or {holding} = any ((select app_writable_holdings())::uuid[]))"
    )


def rights() -> dict[str, Rights]:
    """Every table and what each role may do with it."""
    table: dict[str, Rights] = {}
    for name in guarded_tables():
        web = "select" if name in READ_ONLY_FOR_WEB else "select, insert, update"
        jobs = "select, insert, update"
        if name in WEB_ADDS_ONLY:
            web = "select, insert"
        if name in APPEND_ONLY:
            web = jobs = "select, insert"
        reading, writing = sees("holding_id", "agency_id"), writes("holding_id", "agency_id")
        reading += OWN_BUSINESS.get(name, "")
        adding, changing = writing, writing
        if name in BY_ONESELF:
            adding = changing = f"{writing} and officer_id = (select app_officer())"
        if name in OF_ONE_OFFICER:
            own, alone = OF_ONE_OFFICER[name]
            own = f"{sees('holding_id', 'agency_id')} and {own}"
            adding, changing = (
                # An officer who may read is told by their own watches.
                (own if name == "casework_presence" else f"({writing} or {own})" if alone else writing),
                own if alone else f"({writing} or {own})",
            )
        table[name] = Rights(web, jobs, jobs, _four_policies(reading, adding, changing))
    for name in between_tables():
        web = "select" if name in READ_ONLY_FOR_WEB else "select, insert, update"
        reading = f"{sees('left_holding_id', 'left_agency_id')} and {sees('right_holding_id', 'right_agency_id')}"
        if name == "leads_connection":
            reading += " and (through = '{}' or app_sees_all(through))"
        # Whoever may only read both sides changes nothing between them.
        left, right = writes("left_holding_id", "left_agency_id"), writes("right_holding_id", "right_agency_id")
        writing = f"{reading} and ({left} or {right})"
        table[name] = Rights(web, "select, insert, update", "select, insert, update", _four_policies(reading, writing))
    # What is carried to an agency and belongs to none of its cases stands under a Holding of its own, which opens nothing.
    table["policy_holding"] = Rights(
        "select, insert, update",
        "select",
        "select, insert",
        _four_policies(sees("id", "agency_id"), "agency_id = (select app_agency())"),
    )
    table["policy_grant"] = Rights(
        "select, insert, update", "select", "select",
        (*_four_policies(
            f"(agency_id = (select app_agency()) and {sees('holding_id', 'agency_id')})"
            " or to_officer_id = (select app_officer()) or to_agency_id = (select app_agency())",
            f"agency_id = (select app_agency()) and {writes('holding_id', 'agency_id')}",
        ),
            "create policy answers on policy_grant for update to opencets_web using (to_agency_id = (select app_agency()))"
            " with check (to_agency_id = (select app_agency()))",
        ),
    )  # fmt: skip
    table["audit_act"] = Rights(
        "select, insert", "select, insert", "select, insert",
        (
            "create policy reads on audit_act for select to opencets_web, opencets_jobs using"
            " (agency_id = (select app_auditor_agency()) or holding_agency_id = (select app_auditor_agency())"
            " or (holding_id is not null and holding_agency_id = (select app_agency())"
            " and holding_id <> all ((select app_closed_holdings())::uuid[])))",
            "create policy writes on audit_act for insert to opencets_web, opencets_jobs with check"
            " (officer_id is null or (officer_id = (select app_officer()) and agency_id = (select app_own_agency())))",
        ),
    )  # fmt: skip
    table["audit_purpose"] = Rights(
        "select, insert", "select, insert", "select",
        (
            "create policy own on audit_purpose for all to opencets_web, opencets_jobs, opencets_blind"
            " using (officer_id = (select app_officer()))"
            " with check (officer_id = (select app_officer()) and day = (select app_day()))",
        ),
    )  # fmt: skip
    # Asked by an officer for themselves; read by them, and by the supervisors and auditors of the agency. All else is written by
    # the functions for it.
    table["emergencies_emergencyaccess"] = Rights(
        "select, insert", "", "",
        (
            "create policy reads on emergencies_emergencyaccess for select to opencets_web using (asked_by_id ="
            " (select app_officer()) or (agency_id = (select app_own_agency()) and (select app_oversees())))",
            "create policy asks on emergencies_emergencyaccess for insert to opencets_web with check (asked_by_id ="
            " (select app_officer()) and agency_id = (select app_agency()) and answered_at is null and grant_id is null"
            " and answered_by_id is null and confirmed is null and opened_until is null and accepted is null"
            " and lapses_at <= now() + interval '31 minutes')",
            "create policy decides on emergencies_emergencyaccess for all to opencets_definer using (true) with check (true)",
        ),
    )  # fmt: skip
    table["policy_identitykey"] = Rights()
    table["audit_seal"] = Rights("", "", "select, insert")
    table["audit_checkpoint"] = Rights("", "", "select, insert")
    table["audit_signingkey"] = Rights("select", "select", "select, insert")  # public keys
    for name in ("auditing_mark", "auditing_review"):
        own = "agency_id = (select app_auditor_agency())"
        table[name] = Rights(
            "select, insert, update", "", "",
            (f"create policy own on {name} for all to opencets_web using ({own}) with check ({own})",),
        )  # fmt: skip
    _exposure(table)
    table["standards_quiethours"] = Rights(
        "select, insert, update", "", "select",
        (
            "create policy own on standards_quiethours for all to opencets_web using (officer_id = (select app_officer()))"
            " with check (officer_id = (select app_officer()))",
            "create policy compares on standards_quiethours for select to opencets_blind using (true)",
        ),
    )  # fmt: skip
    table["leads_alertthreshold"] = Rights(
        "select, insert, update", "", "select",
        (
            "create policy own on leads_alertthreshold for all to opencets_web using (officer_id = (select app_officer()))"
            " with check (officer_id = (select app_officer()))",
            "create policy compares on leads_alertthreshold for select to opencets_blind using (true)",
        ),
    )  # fmt: skip
    # The officer's own browsers; what is sent is told by the blind door, which sees whom each notice is for.
    table["push_subscription"] = Rights(
        "select, insert, update", "", "select, update",
        (
            "create policy own on push_subscription for all to opencets_web using (officer_id = (select app_officer()))"
            " with check (officer_id = (select app_officer()) and agency_id = (select app_own_agency()))",
            "create policy compares on push_subscription for all to opencets_blind using (true) with check (true)",
        ),
    )  # fmt: skip
    # A search that goes on is its officer's own; later work looks for all of them, each as its officer.
    for name in ("desk_watch", "desk_watchhit"):
        mine = "officer_id = (select app_officer())"
        table[name] = Rights(
            "select, insert, update", "select, insert, update", "",
            (
                f"create policy own on {name} for all to opencets_web using ({mine}) with check ({mine})",
                f"create policy works on {name} for all to opencets_jobs using (true) with check (true)",
            ),
        )  # fmt: skip
    # The weights are the node's: one administrator asks for a version, another approves it, and nobody changes what was made.
    administers = "(select app_administrator_agency()) is not null"
    every = "opencets_web, opencets_jobs, opencets_blind"
    table["entities_weightversion"] = Rights(
        "select, insert, update (approved_by_id, approved_at)",
        "select, update (content, learned, card, compared, refused, made_at)",
        "select",
        (
            f"create policy reads on {{table}} for select to {every} using (true)",
            "create policy adds on {table} for insert to opencets_web with check"
            f" ({administers} and asked_by_id = (select app_officer()) and made_at is null and content is null"
            " and approved_by_id is null)",
            "create policy approves on {table} for update to opencets_web using"
            f" ({administers} and content is not null and approved_by_id is null and asked_by_id <> (select app_officer()))"
            " with check (approved_by_id = (select app_officer()))",
            "create policy makes on {table} for update to opencets_jobs using (made_at is null) with check (true)",
        ),
    )
    table["entities_weightterm"] = Rights(
        "select, insert, update (ended_by_id, ended_at)",
        "select, update (total, weighed, reached, weighed_at)",
        "select",
        (
            f"create policy reads on {{table}} for select to {every} using (true)",
            "create policy adds on {table} for insert to opencets_web with check"
            f" ({administers} and begun_by_id = (select app_officer()) and ended_at is null and (version_id is null or exists"
            " (select 1 from entities_weightversion v where v.id = version_id and v.approved_by_id is not null)))",
            f"create policy ends on {{table}} for update to opencets_web using ({administers} and ended_at is null)"
            " with check (ended_by_id = (select app_officer()))",
            "create policy weighs on {table} for update to opencets_jobs using (true) with check (true)",
        ),
    )
    table["push_agencyswitch"] = Rights(
        "select, insert, update", "", "select",
        (
            *_administrators("push_agencyswitch"),
            "create policy compares on push_agencyswitch for select to opencets_blind using (true)",
        ),
    )  # fmt: skip
    table["push_serverkey"] = Rights("select", "select", "select")
    # How many votes a case's agency demands is read by every officer who grades on it; its own officers alone change it.
    own = "agency_id = (select app_agency())"
    table["grading_gradingrule"] = Rights(
        "select, insert, update", "select", "",
        (
            "create policy reads on grading_gradingrule for select to opencets_web, opencets_jobs using (true)",
            f"create policy adds on grading_gradingrule for insert to opencets_web with check ({own})",
            f"create policy changes on grading_gradingrule for update to opencets_web using ({own}) with check ({own})",
        ),
    )  # fmt: skip
    # One line of a held entry, and an officer's vote on what named a file of theirs, are the agency's own business.
    for name in ("media_heldentry", "media_entryvote"):
        table[name] = Rights(
            "select, insert, update" if name == "media_entryvote" else "select, update",
            "select",
            "select, insert, update",
            (
                *_own_policies("agency_id = (select app_agency())"),
                f"create policy compares on {name} for all to opencets_blind using (true) with check (true)",
            ),
        )
    table["media_hashset"] = Rights("select, insert, update", "select, insert, update", "select, insert, update")
    for name in ("inquiries_provider", "inquiries_letterhead", "releases_partnerkey", "releases_releaserule"):
        # An agency's own directory: nobody else's business, whatever was released.
        table[name] = Rights("select, insert, update", "select", "", _own_policies("agency_id = (select app_agency())"))
    # Where the world's borders run is everybody's; who sees what is told to the two agencies; lists are an agency's own.
    table["sightings_jurisdiction"] = Rights("select", "select", "select")
    mine, ours = "agency_id = (select app_agency())", "to_agency_id = (select app_agency())"
    table["sightings_sight"] = Rights(
        "select, insert, update", "select", "",
        (
            f"create policy reads on sightings_sight for select to opencets_web, opencets_jobs using ({mine} or {ours})",
            f"create policy adds on sightings_sight for insert to opencets_web with check ({mine})",
            f"create policy changes on sightings_sight for update to opencets_web using ({mine}) with check ({mine})",
        ),
    )  # fmt: skip
    table["sightings_computerlead"] = Rights(
        "select, insert, update", "select", "",
        (
            *_own_policies(mine),
            "create policy definer on sightings_computerlead for select to opencets_definer using (true)",
        ),
    )  # fmt: skip
    for name in ("sightings_sightingfile", "sightings_fileset", "sightings_setfile"):
        web = "select, insert" if name == "sightings_setfile" else "select, insert, update"
        table[name] = Rights(web, "select, update", "", _own_policies(mine))
    _sensors(table)
    _supervision(table)
    table["accounts_agency"] = Rights("select, update", "select", "select")
    # An agency's key stands there wrapped by the root key; whoever reads the row has nothing without that.
    # A key of fields is made where there is none yet; one for each agency, and nobody changes it.
    table["evidence_fieldkey"] = Rights("select, insert", "select, insert", "select")
    for name in ("evidence_agencykey", "django_content_type", "django_migrations"):
        table[name] = Rights("select", "select", "select")
    for name in BLIND_ONLY:
        table[name] = Rights("", "", "select, insert, update, delete")
    table["accounts_officer"] = Rights("select, update", "select, update", "select")
    table["officers_invitation"] = Rights(
        "select, insert, update", "", "",
        (
            *_administrators("officers_invitation"),
            "create policy enrols on officers_invitation for all to opencets_definer using (true) with check (true)",
        ),
    )  # fmt: skip
    for name in ("officers_cover", "officers_accessreview", "officers_reviewedaccount"):
        table[name] = Rights(
            "select, insert, update", "select, insert, update", "",
            (
                *_administrators(name),
                f"create policy works on {name} for all to opencets_jobs using (true) with check (true)",
            ),
        )  # fmt: skip
    # Nobody has signed in yet while a provider answers: it is seen then, if it is switched on or being tried.
    table["federation_identityprovider"] = Rights(
        "select, insert, update", "", "",
        (
            *_administrators("federation_identityprovider"),
            "create policy entrance on federation_identityprovider for select to opencets_web using"
            " ((select app_officer()) is null and (switched_on_at is not null or trial_until > now()))",
            "create policy definer on federation_identityprovider for select to opencets_definer using (true)",
        ),
    )  # fmt: skip
    table["federation_binding"] = Rights(
        "select, update", "", "",
        (
            "create policy reads on federation_binding for select to opencets_web using"
            " ((select app_officer()) is null or agency_id = (select app_own_agency()))",
            "create policy ends on federation_binding for update to opencets_web using"
            " (agency_id = (select app_administrator_agency()) or officer_id = (select app_officer()))"
            " with check (agency_id = (select app_administrator_agency()) or officer_id = (select app_officer()))",
            "create policy definer on federation_binding for all to opencets_definer using (true) with check (true)",
        ),
    )  # fmt: skip
    table["federation_attempt"] = Rights("select, insert, update", "select, delete", "")
    table["accounts_certification"] = Rights(
        "select, insert, update", "select", "", _administrators("accounts_certification")
    )
    for name in ("account_emailaddress", "account_emailconfirmation", "mfa_authenticator", "usersessions_usersession"):
        table[name] = Rights("select, insert, update, delete", "", "")
    table["django_session"] = Rights("select, insert, update, delete", "", "")
    for name in QUEUE:
        table[name] = Rights(
            "select, insert" if name != "procrastinate_workers" else "select", "select, insert, update, delete"
        )
    return table


def _sensors(table: dict[str, Rights]) -> None:
    """A sensor reads its own row, writes what it said last and adds its own files: nothing else, and nothing of anybody else's."""
    both = "opencets_web, opencets_jobs"
    mine, agency = "sensor_id = (select app_sensor())", "agency_id = (select app_sensor_agency())"
    delivered = f"delivered_by_id = (select app_sensor()) and received_by_id is null and {agency}"
    ours = "agency_id = (select app_agency())"
    table["sightings_sensor"] = Rights(
        "select, insert, update", "select", "select",
        (
            *_own_policies(ours),
            f"create policy sensor_reads on {{table}} for select to {both} using (id = (select app_sensor()))",
            "create policy compares on {table} for select to opencets_blind using (true)",
            "create policy definer on {table} for select to opencets_definer using (true)",
        ),
    )  # fmt: skip
    table["sightings_sensorstate"] = Rights(
        "select, insert, update", "select, update", "select, update",
        (
            f"create policy reads on {{table}} for select to {both} using ({ours})",
            f"create policy adds on {{table}} for insert to opencets_web with check ({ours})",
            f"create policy sensor_reads on {{table}} for select to {both} using ({mine})",
            f"create policy sensor_changes on {{table}} for update to {both} using ({mine}) with check ({mine} and {agency})",
            "create policy compares on {table} for all to opencets_blind using (true) with check (true)",
        ),
    )  # fmt: skip
    right = table["sightings_sightingfile"]
    table["sightings_sightingfile"] = Rights(
        right.web, right.jobs, "select",
        (
            *right.policies,
            "create policy compares on {table} for select to opencets_blind using (true)",
            f"create policy sensor_reads on {{table}} for select to {both} using ({delivered})",
            "create policy sensor_adds on {table} for insert to opencets_web"
            f" with check ({delivered} and (select app_sensor_delivers()))",
            f"create policy sensor_loads on {{table}} for update to opencets_jobs using ({delivered}) with check ({delivered})",
        ),
    )  # fmt: skip


def _supervision(table: dict[str, Rights]) -> None:
    """A device adds to its own chain and reads its own order: nothing else, and nothing of anybody else's."""
    mine = "device_id = (select app_device())"
    under = f"{mine} and holding_id = (select app_device_holding()) and agency_id = (select app_device_agency())"
    theirs = "agency_id = (select app_device_agency())"
    read = "create policy device_reads on {table} for select to opencets_web using "
    add = f"create policy device_adds on {{table}} for insert to opencets_web with check ({under})"
    change = f"create policy device_changes on {{table}} for update to opencets_web using ({mine}) with check ({under})"
    more: dict[str, tuple[str, ...]] = {
        "supervision_device": (
            f"{read}(id = (select app_device()))",
            "create policy definer on {table} for select to opencets_definer using (true)",
        ),
        "supervision_supervisedperson": (f"{read}(holding_id = (select app_device_holding()))",),
        "supervision_order": (f"{read}({mine})",),
        "supervision_condition": (f"{read}(holding_id = (select app_device_holding()))",),
        "supervision_devicestate": (f"{read}({mine})", change),
        "supervision_entry": (f"{read}({mine})", add, change),
        "supervision_hit": (f"{read}({mine})", add, change),
        "supervision_fault": (f"{read}({mine})", add, change),
    }
    for name, policies in more.items():
        right = table[name]
        table[name] = Rights(right.web, right.jobs, right.blind, (*right.policies, *policies))
    own = "agency_id = (select app_agency())"
    for name, web in (
        ("supervision_receivingkey", "select, insert"),
        ("supervision_phraselibrary", "select, insert, update"),
        ("supervision_knownlist", "select, insert, update"),
    ):
        table[name] = Rights(web, "select", "", (*_own_policies(own), f"{read}({theirs})"))


def _exposure(table: dict[str, Rights]) -> None:
    """An officer's own looks are the officer's own; supervisors read them only through functions that add up."""
    mine = "officer_id = (select app_officer())"
    adds_up = "create policy adds_up on {table} for select to opencets_definer using (true)"
    table["exposure_setting"] = Rights(
        "select, insert, update", "", "",
        (f"create policy own on exposure_setting for all to opencets_web using ({mine}) with check ({mine})", adds_up),
    )  # fmt: skip
    table["exposure_day"] = Rights(
        "select, insert, update", "", "",
        (
            f"create policy own on exposure_day for all to opencets_web using ({mine})"
            f" with check ({mine} and (select app_may_enter('media-grading')))",
            adds_up,
        ),
    )  # fmt: skip
    sets = "agency_id = (select app_supervisor_agency()) and changed_by_id = (select app_officer())"
    table["exposure_agencyrule"] = Rights(
        "select, insert, update", "", "",
        (
            "create policy reads on exposure_agencyrule for select to opencets_web using (agency_id = (select app_own_agency()))",
            f"create policy adds on exposure_agencyrule for insert to opencets_web with check ({sets})",
            "create policy changes on exposure_agencyrule for update to opencets_web using"
            f" (agency_id = (select app_supervisor_agency())) with check ({sets})",
            adds_up,
        ),
    )  # fmt: skip
    ours = "agency_id = (select app_agency())"
    table["exposure_ask"] = Rights(
        "select, insert, update", "", "select",
        (
            f"create policy reads on exposure_ask for select to opencets_web using ({ours})",
            "create policy asks on exposure_ask for insert to opencets_web"
            f" with check ({ours} and {mine} and answered_by_id is null)",
            f"create policy answers on exposure_ask for update to opencets_web using ({ours})"
            f" with check ({ours} and ({mine} or answered_by_id = (select app_officer())))",
            "create policy compares on exposure_ask for select to opencets_blind using (true)",
            adds_up,
        ),
    )  # fmt: skip


def _administrators(name: str) -> tuple[str, ...]:
    """Read by the agency's own officers, written by its administrators."""
    mine = "agency_id = (select app_administrator_agency())"
    return (
        f"create policy reads on {name} for select to opencets_web using (agency_id = (select app_own_agency()))",
        f"create policy adds on {name} for insert to opencets_web with check ({mine})",
        f"create policy changes on {name} for update to opencets_web using ({mine}) with check ({mine})",
    )


def _four_policies(reading: str, writing: str, changing: str = "") -> tuple[str, ...]:
    changing = changing or writing
    both = "opencets_web, opencets_jobs"
    return (
        f"create policy reads on {{table}} for select to {both} using ({reading})",
        f"create policy adds on {{table}} for insert to {both} with check ({writing})",
        f"create policy changes on {{table}} for update to {both} using ({changing}) with check ({changing})",
        "create policy compares on {table} for all to opencets_blind using (true) with check (true)",
    )


def _own_policies(own: str) -> tuple[str, ...]:
    both = "opencets_web, opencets_jobs"
    return (
        f"create policy reads on {{table}} for select to {both} using ({own})",
        f"create policy adds on {{table}} for insert to {both} with check ({own})",
        f"create policy changes on {{table}} for update to {both} using ({own}) with check ({own})",
    )


def build() -> None:
    """Build the wall, in one transaction, from nothing or over an older one; the connection is the owner's."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select current_user")
        owner = cursor.fetchone()[0]
        cursor.execute(
            "grant select on accounts_officer, policy_grant, policy_holding, leads_pointersecret, leads_pointer, cases_case,"
            " evidence_record, evidence_claim, evidence_exhibitfile, audit_checkpoint, audit_seal, audit_act,"
            " standards_quiethours, texts_visibletext, texts_messagelanguage, desk_namekey, evidence_exhibit to opencets_definer"
        )
        cursor.execute("grant select on accounts_agency, accounts_certification to opencets_definer")
        cursor.execute(
            "grant select on sightings_computerlead, sightings_sensor, supervision_device to opencets_definer"
        )
        cursor.execute("grant insert on accounts_officer to opencets_definer")
        cursor.execute("grant select on federation_identityprovider to opencets_definer")
        cursor.execute("grant select, insert on federation_binding to opencets_definer")
        cursor.execute("grant select on policy_identitykey to opencets_definer")
        cursor.execute(
            "grant select on exposure_setting, exposure_day, exposure_agencyrule, exposure_ask to opencets_definer"
        )
        cursor.execute(
            "insert into policy_identitykey (id, inner_block, outer_block) values (1, %s, %s)"
            " on conflict (id) do update set inner_block = excluded.inner_block, outer_block = excluded.outer_block",
            padded_key(),
        )
        cursor.execute("grant select, update on officers_invitation to opencets_definer")
        cursor.execute(
            "grant select, update on emergencies_emergencyaccess to opencets_definer;"
            " grant insert, update on policy_grant to opencets_definer; grant insert on casework_notice to opencets_definer;"
            " grant select on casework_notice, cases_assignment to opencets_definer"
        )
        # Over a wall of an older version, in which this function looked past nothing and was the owner's.
        cursor.execute(
            "do $$ begin if exists (select 1 from pg_proc where pronamespace = 'public'::regnamespace and proname ="
            " 'app_officer' and pg_get_userbyid(proowner) = current_user) then"
            " alter function app_officer() owner to opencets_definer; end if; end $$"
        )
        for statement in _functions():
            # Functions that look past the policies belong to a role that cannot sign in, not to the owner of the tables.
            if "security definer" in statement:
                cursor.execute("set local role opencets_definer")
            cursor.execute(statement)
            cursor.execute("reset role")
        for name, right in rights().items():
            for role, privileges in (("web", right.web), ("jobs", right.jobs), ("blind", right.blind)):
                cursor.execute(f"revoke all on {name} from opencets_{role}")
                if privileges:
                    cursor.execute(f"grant {privileges} on {name} to opencets_{role}")
            cursor.execute("select policyname from pg_policies where schemaname = 'public' and tablename = %s", [name])
            for (policy,) in cursor.fetchall():
                cursor.execute(f'drop policy "{policy}" on {name}')
            if right.policies:
                cursor.execute(f"alter table {name} enable row level security")
                cursor.execute(f"alter table {name} force row level security")
                cursor.execute(f"create policy owner on {name} for all to {owner} using (true) with check (true)")
                for policy in right.policies:
                    cursor.execute(policy.replace("{table}", name))
        _append_only(cursor)
        _same_agency(cursor)
        cursor.execute(
            "drop policy if exists compares on audit_act;"
            "create policy compares on audit_act for all to opencets_blind using (true) with check (true)"
        )
        for name in ("accounts_officer", "accounts_agency"):
            cursor.execute(f"drop trigger if exists kept on {name}")
            cursor.execute(f"create trigger kept before update on {name} for each row execute function accounts_kept()")
        cursor.execute("drop trigger if exists kept on federation_binding")
        cursor.execute(
            "create trigger kept before insert or update on federation_binding for each row execute function federation_kept()"
        )
        for name in (
            "accounts_certification", "policy_grant", "policy_holding", "leads_pointer", "cases_case",
            "evidence_record", "evidence_claim", "evidence_exhibitfile", "audit_act", "standards_quiethours",
            "texts_visibletext", "texts_messagelanguage", "desk_namekey", "evidence_exhibit",
        ):  # fmt: skip
            cursor.execute(f"create policy definer on {name} for select to opencets_definer using (true)")
        for name in ("policy_grant", "casework_notice"):
            cursor.execute(
                f"create policy emergency on {name} for all to opencets_definer using (true) with check (true)"
            )
        cursor.execute("create policy definer on cases_assignment for select to opencets_definer using (true)")
        cursor.execute(
            "grant usage, select on all sequences in schema public to opencets_web, opencets_jobs, opencets_blind"
        )


def _append_only(cursor: object) -> None:
    execute = cursor.execute  # type: ignore[attr-defined]
    execute("drop trigger if exists audit_leaf on audit_act")
    execute("create trigger audit_leaf before insert on audit_act for each row execute function audit_leaf()")
    execute("drop trigger if exists grant_answer on policy_grant")
    execute("create trigger grant_answer before update on policy_grant for each row execute function grant_answer()")
    for name in APPEND_ONLY:
        execute(f"drop trigger if exists append_only on {name}")
        execute(
            f"create trigger append_only before update or delete or truncate on {name}"
            " for each statement execute function refuse_change()"
        )


def _same_agency(cursor: object) -> None:
    """The agency beside a holding is that holding's: a composite foreign key, deferred to the end of the transaction."""
    execute = cursor.execute  # type: ignore[attr-defined]
    for name in guarded_tables():
        execute("select 1 from pg_constraint where conname = %s", [f"{name}_holding_agency"])
        if cursor.fetchone() is None:  # type: ignore[attr-defined]
            execute(
                f"alter table {name} add constraint {name}_holding_agency foreign key (holding_id, agency_id)"
                " references policy_holding (id, agency_id)"
            )
    for name in between_tables():
        for side in ("left", "right"):
            execute("select 1 from pg_constraint where conname = %s", [f"{name}_{side}_agency"])
            if cursor.fetchone() is None:  # type: ignore[attr-defined]
                execute(
                    f"alter table {name} add constraint {name}_{side}_agency foreign key ({side}_holding_id, {side}_agency_id)"
                    " references policy_holding (id, agency_id)"
                )
