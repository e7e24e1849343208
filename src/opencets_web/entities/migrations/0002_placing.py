"""Candidate keys become numbers, and what is compared of a record is kept beside them. The next whole run fills both."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("entities", "0001_initial"), ("evidence", "0006_placing")]
    operations = [
        migrations.DeleteModel("CandidateKey"),
        migrations.CreateModel(
            "CandidateKey",
            [
                ("pk", models.CompositePrimaryKey("key", "placement_id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("key", models.BigIntegerField()),
                ("placement_id", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            "Placement",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("record", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="evidence.record")),
                ("record_holding_id", models.UUIDField()),
                ("record_agency_id", models.UUIDField()),
                ("packed", models.TextField(help_text="What is compared, as opencets.resolving.placing packs it.")),
                ("keys", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ("stale", models.BooleanField(default=False, help_text="One of its values turned generic, or stopped being so.")),
            ],
            {"indexes": [models.Index(fields=["id"], name="placement_stale", condition=Q(stale=True))]},
        ),
    ]  # fmt: skip
