-- The indexes that q= and autocomplete use, where there may be many rows.
select ucrm.index_search(t) from unnest(array[
    'crm.contacts', 'crm.organizations', 'crm.deals', 'crm.tasks', 'crm.notes', 'engagement.players', 'hiring.interviews'
]::regclass[]) as t \g /dev/null
