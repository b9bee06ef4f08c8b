//! Shops as answers name them.

use serde::Serialize;
use utoipa::ToSchema;
use yaoki_store::read::Shop;

/// Where it is paid.
#[derive(Serialize, ToSchema)]
#[schema(as = Store)]
pub struct StoreAnswer {
    /// What a member types who cannot scan.
    number: i64,
    name: String,
    /// City or street; may be empty.
    place: String,
}

/// Who is paid.
#[derive(Serialize, ToSchema)]
#[schema(as = Merchant)]
pub struct MerchantAnswer {
    number: i64,
    name: String,
}

/// Names store and merchant of a shop.
pub fn named(shop: Shop) -> (StoreAnswer, MerchantAnswer) {
    let Shop { merchant, store } = shop;
    let (number, name, place) = (store.number.0, store.name, store.place);
    let merchant = MerchantAnswer { number: merchant.number.0, name: merchant.name };
    (StoreAnswer { number, name, place }, merchant)
}
