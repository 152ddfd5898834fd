-- Money: an integer of minor units and a currency in the table, one field {"amount", "currency"} in the API.
create function ucrm.currency_digits(currency text)
returns integer
language c
immutable
strict
parallel safe
as 'MODULE_PATHNAME', 'ucrm_currency_digits';
comment on function ucrm.currency_digits(text) is 'Digits after the point of a currency''s amounts (ISO 4217); null where there is no such currency.';

create function ucrm.money(minor bigint, currency text)
returns jsonb
language c
immutable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_money';
comment on function ucrm.money(bigint, text) is '{"amount": "12.30", "currency": "EUR"}; null for a null amount.';

create function ucrm.major(minor bigint, currency text)
returns numeric
language sql
immutable
parallel safe
begin atomic
    select minor * (array[1, 0.1, 0.01, 0.001, 0.0001])[coalesce(ucrm.currency_digits(currency), 2) + 1];
end;
comment on function ucrm.major(bigint, text) is 'The amount in major units: what filters and sorts compare, whatever the currency.';

create function ucrm.custom_amount(amount text)
returns numeric
language sql
immutable
strict
parallel safe
begin atomic
    select case when amount ~ '^-?[0-9]{1,30}(\.[0-9]{1,30})?$' then amount::numeric end;
end;
comment on function ucrm.custom_amount(text) is 'A decimal number that a custom column holds; null for anything else.';

create function ucrm.custom_date(text)
returns date
language c
immutable
strict
parallel safe
as 'MODULE_PATHNAME', 'ucrm_custom_date';
comment on function ucrm.custom_date(text) is 'A date (RFC 3339) that a custom column holds; null for anything else.';

create function ucrm.custom_moment(text)
returns timestamptz
language c
immutable
strict
parallel safe
as 'MODULE_PATHNAME', 'ucrm_custom_moment';
comment on function ucrm.custom_moment(text) is 'A time with offset (RFC 3339) that a custom column holds; null for anything else.';

grant execute on function
    ucrm.currency_digits(text), ucrm.money(bigint, text), ucrm.major(bigint, text), ucrm.custom_amount(text), ucrm.custom_date(text), ucrm.custom_moment(text)
to ucrm_app, ucrm_reader, ucrm_handler, ucrm_owner, ucrm_platform;
