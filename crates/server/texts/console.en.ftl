# The console: the operator's page.
console-title = Console
console-views = Views
console-loading = Loading…
console-again = Try again
console-more = More
console-unreachable = The server cannot be reached.
console-busy = The server is busy. Try again in a moment.
console-unavailable = The book cannot be read at the moment. What is shown may be old.

# The session.
console-outside = Not signed in
console-need-link = The console is opened by a link.
console-link-hint = Whoever may use the server’s machine makes a link with
console-link-rules = A link works once, within ten minutes. It signs this browser in for twelve hours with a key that cannot be copied.
console-sign-out = Sign out
console-signed-out = You are signed out, and the key of this browser is forgotten.
console-signed-out-here = The key of this browser is forgotten. The server could not be reached; without the key the session is of no use to anybody, and it ends at { $time }.
console-over = Your session is over. Sign in again with a new link.
console-until = Signed in until { $time }

# Whether the figures are alive.
console-live-asking = Connecting…
console-live-since = Live since { $time }
console-live-lost = Not live
console-lost-at = { $why } What is shown is as of { $time }; the console tries again by itself.

# Today.
console-today = Today
console-date = { $date } · times in { $zone }
console-paid = Paid
console-refunded = Refunded
console-reversed = Reversed
console-net = Net
console-net-hint = owed to the shops
console-held = Held
console-declined = Declined
console-given-back = Given back
console-times = { $count } ×
console-hours = By hour
console-hours-label = Bars: paid and given back in each hour of today. The same figures are in the table below.
console-hour-says = { $from }: { $paid } paid, { $back } given back
console-hour = Hour
console-as-table = As a table
console-newest = Newest
console-newest-all = All operations
console-nothing-yet = Nothing yet today.
console-stores-today = By store
console-share = Share
console-paid-count = Count

# Operations.
console-kind-pay = Payment
console-kind-authorize = Hold
console-kind-capture = Capture
console-kind-void = Release
console-kind-expire = Expiry
console-kind-refund = Refund
console-kind-reverse = Reversal
console-kind-tombstone = Reversed before it came
console-kind-credit = Credit
console-effect-never-seen = The request had never arrived; it can be paid no more.
console-effect-nothing-to-undo = There was nothing to undo.
console-effect-gave-back = The money went back.
console-effect-released = The hold was released.
console-effect-to-suspense = The member is closed: the money waits in suspense.
console-declined-tag = declined
console-listed = { $count } shown, all there are.
console-listed-more = { $count } shown, there are more.

# Search.
console-search = Search
console-search-label = Payment, request, store, terminal or member
console-search-go = Search
console-search-clear = Clear
console-search-wrong = That names nothing. Give a payment, refund or reversal (pay_…), a request id, a store (sto_…), a terminal (trm_…), a member (mem_…), or the number of an operation.
console-filters = Filters
console-any = Any
console-operation = Operation
console-outcome = Outcome
console-succeeded = Succeeded
console-from = From
console-to = Before
console-zone = Times are those of { $zone }.
console-found-nothing = Nothing found.

# One payment.
console-payment = Payment
console-payment-wrong = This is not the number of a payment. Look at the address, or search.
console-time = Time
console-store = Store
console-terminal = Terminal
console-merchant = Merchant
console-member = Member
console-business-date = Business date
console-held-until = Held until
console-request = Request
console-life-steps = What happened
console-life-transfers = What moved
console-no-transfers = Nothing moved.
console-acknowledged-at = acknowledged by its register, { $time }
console-not-acknowledged = not acknowledged by its register
console-account = Account
console-debit = Debit
console-credit = Credit
console-sum = Sum
console-account-member = Member
console-account-store = Store
console-account-suspense = Suspense
console-account-funding = Funding
console-account-points = Points issued
console-state-authorized = held
console-state-paid = paid
console-state-captured = captured
console-state-voided = released
console-state-expired = expired
console-state-reversed = reversed
console-state-partly-refunded = partly refunded
console-state-refunded = refunded
console-print = Print

# Shops.
console-shops = Shops
console-shops-none = There are no stores yet.
console-state = State
console-active = active
console-suspended = suspended
console-closed = closed: { $capability }
console-last = Last operation
console-never = none lately
console-generation = Key generation
console-terminals-of = Terminals of { $store }
console-terminals-none = No terminals.

# What no register acknowledged.
console-unacknowledged = Unacknowledged
console-unacknowledged-hint = Succeeded, but for ten minutes no register has said that it knows: of the last two days. The goods may have been given out, or not; ask the store.
console-unacknowledged-none = None older than ten minutes: registers know their outcomes.

# Switches.
console-switches = Switches
console-switches-hint = What is closed now. Closing and opening are orders: yaoki admin close-switch, yaoki admin open-switch.
console-switches-none = Nothing is closed.
console-scope = For
console-since = Since
console-lapses = Opens by itself
console-lapses-never = no
console-actor = By
console-reason = Why
console-capability-payment = payments
console-capability-refund = refunds
console-capability-code-issue = showing codes
console-capability-enrolment = enrolling devices
console-capability-credit = credits
console-scope-everything = everybody
console-scope-merchant = merchant
console-scope-store = store
console-scope-terminal = terminal
console-scope-member = member

# Why something was refused, by the name that the server gives.
console-refusal-console_link_must_be_open = This link was used before, or is older than ten minutes. Obtain a new one.
console-refusal-session_must_be_open = Your session is over. Sign in again with a new link.
console-refusal-payment_not_found = The book has no such payment.
console-refusal-too_many_in_flight = Too much is asked with this session at once. Close another tab of the console.
console-refusal-proof_must_hold = The server does not believe this browser’s signature. Look whether its clock is right.
console-refusal-reversed_before_arrival = It was reversed before it arrived.
console-refusal-request_too_late = It arrived too late.
console-refusal-terminal_is_suspended = The terminal is suspended.
console-refusal-payments_are_closed = Payments are closed.
console-refusal-code_not_valid = The code was not valid.
console-refusal-code_already_used = The code had been used.
console-refusal-balance_too_low = The balance does not cover it.
console-refusal-payment_must_exist = The store has no such payment.
console-refusal-payment_must_be_the_terminals_own = A suspended terminal settles its own payments only.
console-refusal-already_captured = The hold had been captured.
console-refusal-authorization_is_over = The hold was over.
console-refusal-payment_must_be_authorized = It was paid at once; nothing was held.
console-refusal-capture_exceeds_hold = More than was held.
console-refusal-payment_must_be_paid = The money was only held.
console-refusal-payment_is_reversed = The payment was reversed.
console-refusal-refund_exceeds_payment = More than was left to refund.
console-refusal-refunds_are_closed = Refunds are closed.
console-refusal-refund_is_final = A refund cannot be reversed.
console-refusal-reversal_is_final = A reversal cannot be reversed.
console-refusal-void_is_final = A release cannot be reversed.
console-refusal-reverse_window_is_over = Too late to reverse.
console-refusal-amount_must_be_in_range = The amount was out of range.

# Operators and what takes two of them.
console-passkey-sign-in = Sign in with your passkey
console-passkey-make = Make a passkey
console-passkey-declined = No passkey was used. Try again.
console-invited = This link is for an operator. Make a passkey on this device, then sign in with it.
console-link-before = Only where there are no operators yet:
console-approvals = Two people
console-approvals-hint = What one has proposed and another decides, and what both have agreed on and nobody has carried out. Each is over after a day.
console-approvals-none = Nothing waits for a second person.
console-approvals-until = Until
console-approvals-link = Send this link to the operator. It works once, within ten minutes:
console-approvals-done = Carried out. There is a link to send on.
console-approve = Approve
console-refuse = Refuse
console-withdraw = Withdraw
console-carry-out = Carry out
console-approved = approved
console-proposer = Proposed by
console-colleagues = Operators
console-colleagues-none = There are no operators yet: yaoki admin first-operators makes the first two.
console-ended = ended
console-roles = Roles
console-passkeys = Passkeys
console-refusal-operator_must_have_the_role = Your roles do not allow this.
console-refusal-operator_link_must_be_valid = This link was used, or is older than ten minutes. Ask for another one.
console-refusal-passkey_must_hold = This passkey is none of an operator here. Use another one.
console-refusal-passkey_must_be_active = This passkey was ended, or copied. Tell your colleagues.
console-refusal-passkeys_must_be_set_up = Passkeys need the console’s name and https, or this machine under the name localhost.
console-refusal-proposal_must_be_open = It was decided meanwhile, or its day is over.
console-refusal-proposal_must_be_approved = It was carried out already, or its day is over.
