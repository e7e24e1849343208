"""Placed records are packed as bytes: what stands is kept as it is, and prepared again by the whole run."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("entities", "0004_weight_versions")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "alter table entities_placement alter column packed type bytea using convert_to(packed, 'UTF8')",
                    "alter table entities_placement alter column packed type text using encode(packed, 'escape')",
                )
            ],
            state_operations=[
                migrations.AlterField(
                    "placement",
                    "packed",
                    models.BinaryField(help_text="What is compared, as opencets.resolving.packed packs it."),
                )
            ],
        )
    ]
