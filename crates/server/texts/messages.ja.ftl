# What members and operators are told by mail and SMS: subject, mail, SMS. The links come after.
message-sign-up-code-subject = 登録の確認コード：{ $code }
message-sign-up-code-mail =
    { $sender } の登録を始めた画面に、次のコードを入力してください。10 分間有効です。

    { $code }

    このコードは、ほかの人にもほかの画面にも伝えないでください。係員がたずねることはありません。心当たりがなければ、このメールは捨ててかまいません。
message-sign-up-code-sms =
    { $sender } の登録コード：{ $code }
    ほかの人に伝えないでください。
    @{ $host } #{ $code }
message-address-code-subject = 連絡先の確認コード：{ $code }
message-address-code-mail =
    { $sender } に連絡先を加える画面に、次のコードを入力してください。10 分間有効です。

    { $code }

    このコードは、ほかの人にもほかの画面にも伝えないでください。心当たりがなければ、このメールは捨ててかまいません。
message-address-code-sms =
    { $sender } の連絡先コード：{ $code }
    ほかの人に伝えないでください。
    @{ $host } #{ $code }
message-recovery-code-subject = 復旧の確認コード：{ $code }
message-recovery-code-mail =
    { $sender } の復旧を始めた画面に、次のコードを入力してください。10 分間有効です。

    { $code }

    復旧を始めていないなら、だれかがあなたの財布を取ろうとしています。コードはだれにも伝えないでください。このコードだけでは何も起きません。
message-recovery-code-sms =
    { $sender } の復旧コード：{ $code }
    だれにも伝えないでください。
    @{ $host } #{ $code }
message-address-in-use-subject = この連絡先はすでに登録されています
message-address-in-use-mail =
    { $at } に、この連絡先で { $sender } の登録を始めた人がいます。すでにあなたの財布があるため、何も変わっていません。

    あなた自身なら、いつもの端末で財布を開いてください。端末をなくしたときは、財布のページで復旧を始められます。あなたでなければ、することはありません。
message-address-in-use-sms = { $sender }：この番号で登録を始めた人がいます。あなたの財布は変わっていません。
message-sign-in-attempt-subject = 知らない端末からのサインイン
message-sign-in-attempt-mail =
    { $at } に、登録されていない端末（{ $device }）から { $sender } にサインインしようとした人がいます。その端末は財布に入れていません。

    あなた自身なら、いつもの端末で招待を作って新しい端末を加えてください。
message-sign-in-attempt-sms = { $sender }：知らない端末からのサインインがありました。財布には入れていません。
message-device-added-subject = 新しい端末が加わりました
message-device-added-mail =
    { $at } に、端末「{ $device }」が { $sender } の財布に加わりました。

    加えていないなら、いつもの端末から 72 時間以内に取り消せます。
message-device-added-sms = { $sender }：新しい端末「{ $device }」が加わりました。
message-device-ended-subject = 端末を外しました
message-device-ended-mail =
    { $at } に、端末「{ $device }」を { $sender } の財布から外しました。その端末ではもう支払えません。
message-device-ended-sms = { $sender }：端末「{ $device }」を外しました。
message-paying-device-moved-subject = 支払う端末が変わりました
message-paying-device-moved-mail =
    { $at } から、{ $sender } では端末「{ $device }」が支払います。ほかの端末では支払えません。
message-paying-device-moved-sms = { $sender }：支払う端末が「{ $device }」に変わりました。
message-invitation-used-subject = 招待が使われました
message-invitation-used-mail =
    { $at } に、あなたの招待を端末「{ $device }」が読み取りました。{ $sender } の財布に加えるかどうかは、いつもの端末で決めます。

    覚えがなければ、いつもの端末で断ってください。
message-invitation-used-sms = { $sender }：招待が端末「{ $device }」で使われました。覚えがなければ断ってください。
message-recovery-started-subject = 復旧が始まりました
message-recovery-started-mail =
    { $at } に、{ $sender } の財布の復旧が始まりました。止めなければ { $until } に終わり、いまの端末はすべて外れます。

    あなたが始めたなら、することはありません。
message-recovery-started-sms = { $sender }：復旧が始まりました。{ $until } に終わります。覚えがなければ止めてください。
message-recovery-contested-subject = 復旧に異議がありました
message-recovery-contested-mail =
    { $at } に、{ $sender } の財布の復旧に異議がありました。財布は凍結されています。係員が二人で確かめます。返金と入金は届きます。
message-recovery-contested-sms = { $sender }：復旧に異議があり、財布を凍結しました。
message-recovery-cancelled-subject = 復旧を取り消しました
message-recovery-cancelled-mail =
    { $at } に、登録された端末から { $sender } の財布の復旧が取り消されました。何も変わっていません。
message-recovery-cancelled-sms = { $sender }：復旧を取り消しました。
message-recovery-done-subject = 復旧が終わりました
message-recovery-done-mail =
    { $at } に、{ $sender } の財布の復旧が終わりました。いまの端末は「{ $device }」だけで、7 日間は連絡先とサインインの方法を変更できません。
message-recovery-done-sms = { $sender }：復旧が終わりました。端末は「{ $device }」だけです。
message-wallet-frozen-subject = 財布を凍結しました
message-wallet-frozen-mail =
    { $at } に、{ $sender } の財布を凍結しました。支払いとチャージは止まっています。返金と入金は届きます。

    凍結は、登録された端末で本人の確認をして解きます。係が凍結したときは、係が二人で解きます。
message-wallet-frozen-sms = { $sender }：財布を凍結しました。
message-wallet-unfrozen-subject = 財布の凍結を解きました
message-wallet-unfrozen-mail = { $at } に、{ $sender } の財布の凍結を解きました。また支払えます。
message-wallet-unfrozen-sms = { $sender }：財布の凍結を解きました。
message-password-changed-subject = パスワードを変えました
message-password-changed-mail = { $at } に、{ $sender } のパスワードが変わりました。
message-password-changed-sms = { $sender }：パスワードが変わりました。
message-factor-added-subject = サインインの方法を加えました
message-factor-added-mail = { $at } に、{ $sender } のサインインの方法として「{ $factor }」を加えました。
message-factor-added-sms = { $sender }：サインインの方法「{ $factor }」を加えました。
message-factor-removed-subject = サインインの方法を外しました
message-factor-removed-mail = { $at } に、{ $sender } のサインインの方法から「{ $factor }」を外しました。
message-factor-removed-sms = { $sender }：サインインの方法「{ $factor }」を外しました。
message-address-added-subject = 連絡先を加えました
message-address-added-mail = { $at } に、{ $sender } の財布に連絡先 { $masked } を加えました。7 日間は復旧に使えません。
message-address-added-sms = { $sender }：連絡先 { $masked } を加えました。
message-address-changed-subject = 連絡先を外しました
message-address-changed-mail =
    { $at } に、連絡先 { $masked } を { $sender } の財布から外しました。心当たりがなければ、{ $until } までその連絡先に届いたリンクから戻せます。
message-address-changed-sms = { $sender }：連絡先 { $masked } を外しました。{ $until } まで戻せます。
message-account-closed-subject = 退会の手続きが終わりました
message-account-closed-mail =
    { $at } に、{ $sender } を退会しました。残高を受け取る権利はなくなりません。受け取り方は係におたずねください。
message-account-closed-sms = { $sender }：退会しました。残高を受け取る権利は残ります。
# The paragraphs of links, who sends, and names.
message-freeze-mail =
    心当たりがなければ、次のページで財布を凍結できます。凍結しても返金と入金は届きます。パスワードをたずねることはありません。

    { $link }
message-freeze-sms =
    覚えがなければ凍結：
    { $link }
message-contest-mail =
    復旧に覚えがなければ、次のページで異議を申し立ててください。財布は凍結され、復旧は止まります。

    { $link }
message-contest-sms =
    復旧を止める：
    { $link }
message-return-mail =
    変えていないなら、次のページでこの連絡先に戻せます。

    { $link }
message-return-sms =
    元に戻す：
    { $link }
message-footer =
    { $sender }
    係員やメールが、パスワードや確認コードをたずねることはありません。
message-factor-passkey = パスキー
message-factor-totp = 認証アプリ
message-factor-recovery-codes = 復旧コード
message-factor-external-id = 外部アカウント
message-factor-password = パスワード

# The page that shows messages where they go nowhere.
mailbox-title = メールボックス
mailbox-what = この帳簿が送るはずのメールと SMS です。実際には送られていません。新しい 100 件を 5 秒ごとに読み直します。
mailbox-empty = まだ何も送っていません。
mailbox-mail = メール
mailbox-sms = SMS
mailbox-to = 宛先
mailbox-waiting = 送信待ち
mailbox-sent = 送信済み
mailbox-given-up = 断念
mailbox-suppressed = 上限のため送らず
mailbox-erased = 内容は消去されました。
mailbox-other-language = English
mailbox-skip = 本文へ
message-recovery-allowed-subject = 異議のあった復旧の続行
message-recovery-allowed-mail =
    { $at } に、異議のあった { $sender } の財布の復旧を続けることを、係の二人が認めました。

    心当たりがなければ、いまお使いの端末ですぐに取り消すか、お電話ください。
message-recovery-allowed-sms = { $sender }：異議のあった復旧の続行を係が認めました。心当たりがなければ端末で取り消すかお電話ください。
message-recovery-ended-subject = 復旧を終了しました
message-recovery-ended-mail =
    { $at } に、係の二人が { $sender } の財布の復旧を終了しました。何も変わっていません。
message-recovery-ended-sms = { $sender }：係が復旧を終了しました。何も変わっていません。
message-device-ended-by-staff-subject = 係が端末を外しました
message-device-ended-by-staff-mail =
    { $at } に、係が端末「{ $device }」を { $sender } の財布から外しました。その端末ではもう支払えません。

    お申し出でなければ、お電話ください。
message-device-ended-by-staff-sms = { $sender }：係が端末「{ $device }」を外しました。お申し出でなければお電話ください。
message-unfreeze-proposed-subject = 財布の凍結を解く予定です
message-unfreeze-proposed-mail =
    { $at } に、ご本人が凍結した { $sender } の財布の凍結を解くよう依頼がありました。{ $until } 以降に解くことがあります。

    お申し出でなければ、それまでにお電話ください。
message-unfreeze-proposed-sms = { $sender }：{ $until } 以降に財布の凍結を解くことがあります。お申し出でなければお電話ください。
message-card-added-subject = カードが登録されました
message-card-added-mail =
    { $at } に、カード「{ $masked }」が { $sender } の財布に登録されました。今後このカードからチャージできます。

    心当たりがない場合は、財布を凍結してください。
message-card-added-sms = { $sender }：カード「{ $masked }」が登録されました。
message-top-up-held-subject = チャージを保留しています
message-top-up-held-mail =
    { $at } に、{ $sender } の財布でカード「{ $masked }」からのチャージの申し込みがありました。{ $until } まで保留し、その後残高に入ります。

    心当たりがない場合は、財布を凍結するか、チャージの画面で取り消してください。その場合は請求されません。
message-top-up-held-sms = { $sender }：カード「{ $masked }」からのチャージを { $until } まで保留しています。心当たりがなければ財布を凍結してください。
message-top-up-disputed-subject = チャージに異議があり、財布を凍結しました
message-top-up-disputed-mail =
    { $at } に、カードの名義人から { $sender } の財布のチャージに心当たりがないとの連絡がありました。財布を凍結し、カードを外しました。お電話ください。
message-top-up-disputed-sms = { $sender }：チャージに異議の申し出があり、財布を凍結しました。お電話ください。
message-unfrozen-by-staff-subject = 係が財布の凍結を解きました
message-unfrozen-by-staff-mail =
    { $at } に、係の二人が { $sender } の財布の凍結を解きました。また支払えます。

    お申し出でなければ、いまお使いの端末で凍結し、お電話ください。
message-unfrozen-by-staff-sms = { $sender }：係が財布の凍結を解きました。お申し出でなければ凍結してお電話ください。
