# The console: the operator's page.
console-title = 運営
console-views = 画面
console-loading = 読み込み中…
console-again = もう一度
console-more = さらに表示
console-unreachable = サーバーにつながりません。
console-busy = サーバーが混み合っています。少し待ってからお試しください。
console-unavailable = 現在、台帳を読めません。表示は古い可能性があります。

# The session.
console-outside = ログインしていません
console-need-link = 運営画面はリンクから開きます。
console-link-hint = サーバーを操作できる人が、次のコマンドでリンクを作ります。
console-link-rules = リンクは 10 分以内に一度だけ使えます。複製できない鍵で、このブラウザーが 12 時間ログインします。
console-sign-out = ログアウト
console-signed-out = ログアウトしました。このブラウザーの鍵は消去しました。
console-signed-out-here = このブラウザーの鍵は消去しました。サーバーにはつながりませんでしたが、鍵がなければ誰も使えず、{ $time } に終了します。
console-over = ログインの期限が切れました。新しいリンクでログインしてください。
console-until = { $time } までログイン中

# Whether the figures are alive.
console-live-asking = 接続中…
console-live-since = { $time } からライブ
console-live-lost = 更新停止
console-lost-at = { $why }表示は { $time } 現在のものです。自動で再接続します。

# Today.
console-today = 今日
console-date = { $date } · 時刻は { $zone }
console-paid = 支払い
console-refunded = 返金
console-reversed = 取消
console-net = 差引
console-net-hint = 加盟店への債務
console-held = 仮売上
console-declined = 不成立
console-given-back = 払い戻し
console-times = { $count } 件
console-hours = 時間別
console-hours-label = 棒グラフ：今日の 1 時間ごとの支払いと払い戻し。同じ数値は下の表にあります。
console-hour-says = { $from }：支払い { $paid }、払い戻し { $back }
console-hour = 時間
console-as-table = 表で見る
console-newest = 最新
console-newest-all = すべての処理
console-nothing-yet = 今日はまだありません。
console-stores-today = 店舗別
console-share = 割合
console-paid-count = 件数

# Operations.
console-kind-pay = 支払い
console-kind-authorize = 仮売上
console-kind-capture = 売上確定
console-kind-void = 仮売上取消
console-kind-expire = 期限切れ
console-kind-refund = 返金
console-kind-reverse = 取消
console-kind-tombstone = 到着前の取消
console-kind-credit = 入金
console-effect-never-seen = 依頼は届いていませんでした。今後は支払えません。
console-effect-nothing-to-undo = 取り消すものはありませんでした。
console-effect-gave-back = 代金を戻しました。
console-effect-released = 仮売上を解放しました。
console-effect-to-suspense = 会員は解約済みのため、仮受金で保管しています。
console-declined-tag = 不成立
console-listed = { $count } 件（すべて）
console-listed-more = { $count } 件を表示（続きがあります）

# Search.
console-search = 検索
console-search-label = 取引、依頼、店舗、端末、会員の番号
console-search-go = 検索
console-search-clear = クリア
console-search-wrong = 該当する番号の形ではありません。取引・返金・取消（pay_…）、依頼番号、店舗（sto_…）、端末（trm_…）、会員（mem_…）、処理番号を入力してください。
console-filters = 絞り込み
console-any = すべて
console-operation = 処理
console-outcome = 結果
console-succeeded = 成立
console-from = 開始
console-to = 終了（その時刻より前）
console-zone = 時刻は { $zone } のものです。
console-found-nothing = 見つかりません。

# One payment.
console-payment = 取引
console-payment-wrong = 取引番号ではありません。アドレスを確認するか、検索してください。
console-time = 日時
console-store = 店舗
console-terminal = 端末
console-merchant = 加盟店
console-member = 会員
console-business-date = 営業日
console-held-until = 仮売上の期限
console-request = 依頼
console-life-steps = 経過
console-life-transfers = 資金の動き
console-no-transfers = 資金の動きはありません。
console-acknowledged-at = { $time } にレジが確認
console-not-acknowledged = レジは未確認
console-account = 勘定
console-debit = 借方
console-credit = 貸方
console-sum = 合計
console-account-member = 会員
console-account-store = 店舗
console-account-suspense = 仮受金
console-account-funding = 入金元
console-account-points = 発行ポイント
console-state-authorized = 仮売上中
console-state-paid = 支払い済み
console-state-captured = 売上確定済み
console-state-voided = 仮売上取消済み
console-state-expired = 期限切れ
console-state-reversed = 取消済み
console-state-partly-refunded = 一部返金
console-state-refunded = 返金済み
console-print = 印刷

# Shops.
console-shops = 店舗
console-shops-none = 店舗はまだありません。
console-state = 状態
console-active = 稼働
console-suspended = 停止中
console-closed = 停止：{ $capability }
console-last = 最終処理
console-never = 最近なし
console-generation = 鍵の世代
console-terminals-of = { $store } の端末
console-terminals-none = 端末はありません。

# What no register acknowledged.
console-unacknowledged = 未確認
console-unacknowledged-hint = 成立したのに、10 分以上どのレジからも確認が届いていない処理です（過去 2 日間）。商品を渡したかどうか、店舗に確認してください。
console-unacknowledged-none = ありません。すべてのレジが結果を確認しています。

# Switches.
console-switches = 停止措置
console-switches-hint = 現在停止しているものです。停止と再開は yaoki admin close-switch と yaoki admin open-switch で行います。
console-switches-none = 停止しているものはありません。
console-scope = 対象
console-since = 開始
console-lapses = 自動再開
console-lapses-never = なし
console-actor = 実施者
console-reason = 理由
console-capability-payment = 支払い
console-capability-refund = 返金
console-capability-code-issue = コード表示
console-capability-enrolment = 端末登録
console-capability-credit = 入金
console-scope-everything = 全体
console-scope-merchant = 加盟店
console-scope-store = 店舗
console-scope-terminal = 端末
console-scope-member = 会員

# Why something was refused, by the name that the server gives.
console-refusal-console_link_must_be_open = このリンクは使用済みか、10 分を過ぎています。新しいリンクを取得してください。
console-refusal-session_must_be_open = ログインの期限が切れました。新しいリンクでログインしてください。
console-refusal-payment_not_found = その取引は台帳にありません。
console-refusal-too_many_in_flight = このログインからの同時接続が多すぎます。運営画面の他のタブを閉じてください。
console-refusal-proof_must_hold = このブラウザーの署名を確認できません。時計が正しいか確認してください。
console-refusal-reversed_before_arrival = 到着前に取り消されました。
console-refusal-request_too_late = 到着が遅れました。
console-refusal-terminal_is_suspended = 端末は停止中です。
console-refusal-payments_are_closed = 支払いは停止中です。
console-refusal-code_not_valid = コードが無効です。
console-refusal-code_already_used = コードは使用済みです。
console-refusal-balance_too_low = 残高不足です。
console-refusal-payment_must_exist = 店舗にその取引はありません。
console-refusal-payment_must_be_the_terminals_own = 停止中の端末は自身の取引しか処理できません。
console-refusal-already_captured = 売上確定済みです。
console-refusal-authorization_is_over = 仮売上は終了しています。
console-refusal-payment_must_be_authorized = 即時の支払いで、仮売上ではありません。
console-refusal-capture_exceeds_hold = 仮売上の金額を超えています。
console-refusal-payment_must_be_paid = 売上が確定していません。
console-refusal-payment_is_reversed = 取消済みの取引です。
console-refusal-refund_exceeds_payment = 返金できる残額を超えています。
console-refusal-refunds_are_closed = 返金は停止中です。
console-refusal-refund_is_final = 返金は取り消せません。
console-refusal-reversal_is_final = 取消は取り消せません。
console-refusal-void_is_final = 仮売上取消は取り消せません。
console-refusal-reverse_window_is_over = 取消できる時間を過ぎています。
console-refusal-amount_must_be_in_range = 金額が範囲外です。

# 担当者と、二人で行う操作。
console-passkey-sign-in = パスキーでログイン
console-passkey-make = パスキーを作成
console-passkey-declined = パスキーが使われませんでした。もう一度お試しください。
console-invited = 担当者用のリンクです。この端末でパスキーを作成し、そのパスキーでログインしてください。
console-link-before = 担当者がまだいない場合のみ：
console-approvals = 二人承認
console-approvals-hint = 一人が申請して別の人の判断を待つもの、二人が承認してまだ実行されていないものです。いずれも 1 日で失効します。
console-approvals-none = 承認待ちのものはありません。
console-approvals-until = 期限
console-approvals-link = 次のリンクを担当者に送ってください。10 分以内に一度だけ使えます：
console-approvals-done = 実行しました。担当者に送るリンクがあります。
console-approve = 承認
console-refuse = 却下
console-withdraw = 取り下げ
console-carry-out = 実行
console-approved = 承認済み
console-proposer = 申請者
console-colleagues = 担当者
console-colleagues-none = 担当者はまだいません。yaoki admin first-operators で最初の二人を登録します。
console-ended = 終了
console-roles = 役割
console-passkeys = パスキー
console-refusal-operator_must_have_the_role = あなたの役割ではこの操作はできません。
console-refusal-operator_link_must_be_valid = このリンクは使用済みか、10 分を過ぎています。新しいリンクを依頼してください。
console-refusal-passkey_must_hold = ここの担当者のパスキーではありません。別のパスキーをお使いください。
console-refusal-passkey_must_be_active = このパスキーは終了されたか、複製された可能性があります。同僚に知らせてください。
console-refusal-passkeys_must_be_set_up = パスキーには運営画面の名前と https が必要です。このマシンでは localhost で開いてください。
console-refusal-proposal_must_be_open = すでに判断されたか、期限が切れています。
console-refusal-proposal_must_be_approved = すでに実行されたか、期限が切れています。
