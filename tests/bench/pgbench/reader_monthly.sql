select date_trunc('month', created_at) as month, count(*)
from crm.contacts
group by 1
order by 1;
