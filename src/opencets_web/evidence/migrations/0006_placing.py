"""Which people and accounts of an exhibit are to be placed, by index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evidence", "0005_field_keys")]
    operations = [
        migrations.AddIndex(
            "record",
            models.Index(
                fields=["exhibit", "retired_at"],
                name="record_to_place",
                condition=models.Q(kind__in=["account", "person"]),
            ),
        )
    ]
