//! What people see of the demo acquirer: where a card is chosen, where the bank asks, its books.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::api::{form, said};
use super::ledger::{CARDS, Dispute, Status};
use super::{SILENT_MS, Shared};

const HEAD: &str = "<!doctype html><html lang=\"ja\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Demo acquirer</title>\
<style>body{font:16px/1.6 system-ui,sans-serif;margin:0 auto;max-width:34rem;padding:1rem;\
color:#17202a;background:#f4f1ea}main{background:#fff;border-radius:12px;padding:1.25rem}\
h1{font-size:1.15rem;margin:0 0 .75rem}.note{color:#566;font-size:.9rem}\
label{display:block;border:1px solid #ccd;border-radius:8px;padding:.6rem .75rem;margin:.5rem 0}\
button{font:inherit;border:0;border-radius:8px;padding:.7rem 1rem;margin:.25rem .25rem .25rem 0;\
background:#274c77;color:#fff;min-height:44px}button.quiet{background:#e6e9ee;color:#17202a}\
table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{text-align:left;padding:.35rem;\
border-bottom:1px solid #e3e3e3}.amount{font-size:1.6rem;font-weight:600}</style><main>";

fn page(body: &str) -> Response {
    let note = "<p class=\"note\">これは遊び用のカード会社です。本物のカードは使えません。<br>\
        This is an acquirer for play. No real card is taken.</p>";
    Html(format!("{HEAD}{note}{body}</main>")).into_response()
}

fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "nothing here").into_response()
}

/// Where a card is chosen.
pub(super) async fn card(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let ledger = shared.ledger();
    let Some(session) = ledger.sessions.get(&id) else { return nothing_here() };
    let mut body =
        String::from("<h1>カードを選ぶ<br>Choose a card</h1><form method=\"post\" id=\"card\">");
    for (place, (number, ja, en)) in CARDS.iter().enumerate() {
        let checked = if place == 0 { " checked" } else { "" };
        let last = &number[12..];
        let _ = write!(
            body,
            "<label><input type=\"radio\" name=\"number\" value=\"{number}\"{checked}> \
             •••• {last}<br><span class=\"note\">{ja}<br>{en}</span></label>"
        );
    }
    let cancel = escaped(&session.cancel_url);
    let _ = write!(
        body,
        "<button>登録する / Add</button> <a href=\"{cancel}\">やめる / Cancel</a></form>"
    );
    page(&body)
}

pub(super) async fn card_typed(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let typed = said(&form(&body), "number");
    if !CARDS.iter().any(|(number, ..)| *number == typed) {
        return nothing_here();
    }
    let there = shared.change(|ledger| {
        let session = ledger.sessions.get_mut(&id)?;
        session.number = Some(typed);
        Some(())
    });
    match there {
        Some(()) => Redirect::to(&format!("/3ds/{id}")).into_response(),
        None => nothing_here(),
    }
}

/// Where the bank asks.
pub(super) async fn challenge(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Response {
    let ledger = shared.ledger();
    let what = match (ledger.intents.get(&id), ledger.sessions.get(&id)) {
        (Some(intent), _) if intent.status == Status::RequiresAction => {
            format!("<p class=\"amount\">{} 円</p>", intent.amount)
        }
        (None, Some(_)) => "<p>カードの登録 / Adding the card</p>".to_owned(),
        (Some(_), _) => {
            return page("<h1>この確認は終わっています。<br>This question is over.</h1>");
        }
        (None, None) => return nothing_here(),
    };
    page(&format!(
        "<h1>本人認証（3-D セキュア）<br>Is it you? (3-D Secure)</h1>{what}\
         <form method=\"post\"><button name=\"answer\" value=\"yes\" id=\"yes\">認証する / Yes</button>\
         <button class=\"quiet\" name=\"answer\" value=\"no\" id=\"no\">認証しない / No</button></form>"
    ))
}

pub(super) async fn challenged(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let passed = said(&form(&body), "answer") == "yes";
    let back = shared.change(|ledger| {
        if let Some(intent) = ledger.intents.get_mut(&id) {
            intent.answered(passed);
            return Some(intent.return_url.clone());
        }
        let session = ledger.sessions.get_mut(&id)?;
        session.complete = passed && session.number.is_some();
        let url = if session.complete { &session.success_url } else { &session.cancel_url };
        Some(url.replace("{CHECKOUT_SESSION_ID}", &id))
    });
    let Some(back) = back else { return nothing_here() };
    if id.starts_with("pi_") {
        shared.tell("payment_intent.amount_capturable_updated", &id);
    }
    Redirect::to(&back).into_response()
}

/// Its books, and what it can be told.
pub(super) async fn books(State(shared): State<Arc<Shared>>) -> Response {
    let ledger = shared.ledger();
    let mut body = format!(
        "<h1>カード会社の帳簿<br>The acquirer’s books</h1><p>{} 円を預かっています。 / It owes {} yen.\
         </p><form method=\"post\" action=\"/silent\"><button class=\"quiet\" id=\"silent\">{} \
         秒間、応答しない / Do not answer for {} seconds</button></form><table><tr><th>id<th>円\
         <th>状態 / state<th></tr>",
        ledger.owes(),
        ledger.owes(),
        SILENT_MS / 1000,
        SILENT_MS / 1000,
    );
    for (id, intent) in ledger.intents.iter().rev() {
        let disputed = ledger.disputes.values().find(|dispute| dispute.intent == *id);
        let button =
            |text| format!("<form method=\"post\" action=\"/dispute/{id}\"><button>{text}");
        let act = match (intent.status, disputed.map(|dispute| dispute.status.as_str())) {
            (Status::Succeeded, None) => button("異議 / Dispute"),
            (Status::Succeeded, Some("needs_response")) => button("加盟店の勝ち / Won by us"),
            (_, status) => status.unwrap_or_default().to_owned(),
        };
        let (amount, status) = (intent.amount, intent.status);
        let _ = write!(body, "<tr><td>{id}<td>{amount}<td>{status:?}<td>{act}</form></tr>");
    }
    body.push_str("</table>");
    page(&body)
}

pub(super) async fn silent(State(shared): State<Arc<Shared>>) -> Response {
    let until = shared.now().plus_ms(SILENT_MS);
    shared.change(|ledger| ledger.silent_until = until.0);
    Redirect::to("/").into_response()
}

/// A payment is disputed by its holder, or a dispute ends in our favour.
pub(super) async fn dispute(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let changed = shared.change(|ledger| {
        let open = ledger.disputes.iter_mut().find(|(_, dispute)| dispute.intent == id);
        if let Some((name, dispute)) = open {
            "won".clone_into(&mut dispute.status);
            return Some((name.clone(), "charge.dispute.closed"));
        }
        let taken = |status| status == Status::Succeeded;
        let amount = ledger.intents.get(&id).filter(|intent| taken(intent.status))?.amount;
        let name = ledger.name("dp");
        let status = "needs_response".to_owned();
        ledger.disputes.insert(name.clone(), Dispute { intent: id, amount, status });
        Some((name, "charge.dispute.created"))
    });
    let Some((name, kind)) = changed else { return nothing_here() };
    shared.tell(kind, &name);
    Redirect::to("/").into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}
