"""PyPI's postgrest, as it is published, against /rest/v1."""

import os
import unittest

import told
from postgrest import APIError, CountMethod, SyncPostgrestClient

KEY = os.environ["OWNER_KEY"]
CLIENT = SyncPostgrestClient(os.environ["REST_URL"], headers={"apikey": KEY, "Authorization": f"Bearer {KEY}"})


def names(response):
    return [row["name"] for row in response.data]


class Postgrest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rows = [{"name": "Pia", "phone": "py", "stage": "won"}, {"name": "Quinn", "phone": "py"}, {"name": "Ria", "phone": "py"}]
        cls.made = CLIENT.table("contacts").insert(rows, default_to_null=False).execute().data

    @classmethod
    def tearDownClass(cls):
        CLIENT.table("contacts").delete().in_("id", [row["id"] for row in cls.made]).execute()

    def mine(self, *columns, **options):
        return CLIENT.table("contacts").select(*columns, **options).eq("phone", "py")

    def refused(self, query, code):
        with self.assertRaises(APIError) as raised:
            query.execute()
        self.assertEqual(raised.exception.code, code)

    def test_rows_are_made_in_order_and_read_back(self):
        self.assertEqual([row["name"] for row in self.made], ["Pia", "Quinn", "Ria"])
        self.assertEqual(names(self.mine("name").order("name", desc=True).execute()), ["Ria", "Quinn", "Pia"])

    def test_filters(self):
        self.assertEqual(names(self.mine("name").eq("stage", "won").execute()), ["Pia"])
        self.assertEqual(names(self.mine("name").neq("stage", "won").order("name").execute()), ["Quinn", "Ria"])
        self.assertEqual(names(self.mine("name").in_("name", ["Ria", "No, (one)"]).execute()), ["Ria"])
        self.assertEqual(names(self.mine("name").ilike("name", "%i%").order("name").execute()), ["Pia", "Quinn", "Ria"])
        self.assertEqual(names(self.mine("name").is_("email", "null").order("name").limit(1).execute()), ["Pia"])
        self.assertEqual(names(self.mine("name").or_("name.eq.Pia,name.eq.Ria").order("name").execute()), ["Pia", "Ria"])
        self.assertEqual(names(self.mine("name").not_.eq("name", "Pia").order("name").execute()), ["Quinn", "Ria"])
        self.assertEqual(names(self.mine("name").order("name").range(1, 1).execute()), ["Quinn"])

    def test_counts(self):
        response = self.mine("*", count=CountMethod.exact).limit(1).execute()
        self.assertEqual((response.count, len(response.data)), (3, 1))

    def test_single_and_maybe_single(self):
        self.assertEqual(self.mine("name").eq("name", "Pia").single().execute().data, {"name": "Pia"})
        self.refused(self.mine("name").single(), "PGRST116")
        self.assertIsNone(self.mine("name").eq("name", "Nobody").maybe_single().execute())

    def test_update_upsert_and_delete(self):
        row = CLIENT.table("contacts").upsert({"external_id": "py", "name": "Sol"}, on_conflict="external_id").execute().data[0]
        again = CLIENT.table("contacts").upsert({"external_id": "py", "name": "Sol 2"}, on_conflict="external_id").execute().data[0]
        self.assertEqual((again["id"], again["name"]), (row["id"], "Sol 2"))
        self.assertEqual(names(CLIENT.table("contacts").update({"name": "Sol 3"}).eq("id", row["id"]).execute()), ["Sol 3"])
        self.assertEqual(names(CLIENT.table("contacts").delete().eq("id", row["id"]).execute()), ["Sol 3"])
        self.refused(CLIENT.table("contacts").delete().eq("name", "Pia"), "21000")

    def test_refusals(self):
        self.refused(CLIENT.table("nothing").select("*"), "PGRST205")
        self.refused(CLIENT.table("contacts").insert({"name": "x", "stage": "nope"}), "23514")
        self.refused(CLIENT.table("contacts").select("nothing"), "42703")

    def test_embedding_and_csv(self):
        rows = self.mine("name,organizations(name)").order("name").execute().data
        self.assertEqual(rows[0], {"name": "Pia", "organizations": None})
        self.assertEqual(self.mine("name").order("name").csv().execute().data, "name\nPia\nQuinn\nRia\n")

    def test_rpc(self):
        self.assertEqual(CLIENT.rpc("add", {"a": 40, "b": 2}).execute().data, 42)
        self.assertEqual(CLIENT.rpc("add", {"a": 40, "b": 2}, get=True).execute().data, 42)
        self.refused(CLIENT.rpc("nothing", {}), "PGRST202")


if __name__ == "__main__":
    told.main()
