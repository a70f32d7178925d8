//! Amounts of money as people write them.

/// Currencies whose amounts are whole units. Source: Stripe, Supported currencies, "Zero-decimal currencies". UGX is
/// on that list as well, and ISK has no decimals elsewhere, but Stripe still writes both with two: "Special cases".
const ZERO_DECIMAL: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];

/// Currencies whose amounts are thousandths. Source: Stripe, Supported currencies, "Three-decimal currencies".
const THREE_DECIMAL: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// `20.00 USD` of 2000 in `usd`.
pub(super) fn money(amount: i64, currency: &str) -> String {
    let currency = currency.to_uppercase();
    let sign = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    if ZERO_DECIMAL.contains(&currency.as_str()) {
        return format!("{sign}{amount} {currency}");
    }
    if THREE_DECIMAL.contains(&currency.as_str()) {
        return format!("{sign}{}.{:03} {currency}", amount / 1000, amount % 1000);
    }
    format!("{sign}{}.{:02} {currency}", amount / 100, amount % 100)
}

#[cfg(test)]
mod tests {
    use super::money;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        for (amount, currency, text) in [
            (2000, "usd", "20.00 USD"),
            (5, "eur", "0.05 EUR"),
            (-1234, "EUR", "-12.34 EUR"),
            (500, "jpy", "500 JPY"),
            (5120, "kwd", "5.120 KWD"),
            (500, "isk", "5.00 ISK"),
            (500, "ugx", "5.00 UGX"),
            (0, "usd", "0.00 USD"),
            (i64::MIN, "usd", "-92233720368547758.08 USD"),
        ] {
            assert_eq!(money(amount, currency), text);
        }
    }
}
