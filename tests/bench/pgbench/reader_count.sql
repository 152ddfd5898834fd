select count(*)
from crm.contacts;
