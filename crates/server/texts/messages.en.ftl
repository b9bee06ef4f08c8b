# What members and operators are told by mail and SMS: subject, mail, SMS. The links come after.
message-sign-up-code-subject = Your sign-up code: { $code }
message-sign-up-code-mail =
    Type this code on the page where you began to sign up with { $sender }. It is good for 10 minutes.

    { $code }

    Tell it to nobody and type it nowhere else. Our staff never ask for it. If this was not you, ignore this message.
message-sign-up-code-sms =
    { $sender } sign-up code: { $code }
    Tell it to nobody.
    @{ $host } #{ $code }
message-address-code-subject = Your code to add this address: { $code }
message-address-code-mail =
    Type this code on the page where you add this address to { $sender }. It is good for 10 minutes.

    { $code }

    Tell it to nobody and type it nowhere else. If this was not you, ignore this message.
message-address-code-sms =
    { $sender } address code: { $code }
    Tell it to nobody.
    @{ $host } #{ $code }
message-recovery-code-subject = Your recovery code: { $code }
message-recovery-code-mail =
    Type this code on the page where you began to recover your { $sender } wallet. It is good for 10 minutes.

    { $code }

    If you did not begin this, somebody is after your wallet: tell the code to nobody. Alone it does nothing.
message-recovery-code-sms =
    { $sender } recovery code: { $code }
    Tell it to nobody.
    @{ $host } #{ $code }
message-address-in-use-subject = This address has a wallet already
message-address-in-use-mail =
    At { $at } somebody began to sign up with { $sender } with this address. It has a wallet already, so nothing has changed.

    If it was you, open the wallet on the device that you use. If you have lost it, the wallet’s page recovers it. If it was not you, there is nothing to do.
message-address-in-use-sms =
    { $sender }: somebody began to sign up with this number. Nothing about your wallet has changed.
message-sign-in-attempt-subject = A sign-in from a device that is not known
message-sign-in-attempt-mail =
    At { $at } somebody tried to sign in to { $sender } on a device that is not enrolled ({ $device }). That device is not in your wallet.

    If it was you, make an invitation on the device that you use, and add the new one with it.
message-sign-in-attempt-sms =
    { $sender }: somebody tried to sign in on an unknown device. It is not in your wallet.
message-device-added-subject = A device was added
message-device-added-mail =
    At { $at } the device “{ $device }” was added to your { $sender } wallet.

    If you did not add it, take it back on the device that you use, within 72 hours.
message-device-added-sms = { $sender }: the device “{ $device }” was added.
message-device-ended-subject = A device was ended
message-device-ended-mail =
    At { $at } the device “{ $device }” was ended in your { $sender } wallet. It pays no longer.
message-device-ended-sms = { $sender }: the device “{ $device }” was ended.
message-paying-device-moved-subject = Another device pays now
message-paying-device-moved-mail =
    From { $at } on the device “{ $device }” pays in your { $sender } wallet. No other one does.
message-paying-device-moved-sms = { $sender }: the device “{ $device }” pays from now on.
message-invitation-used-subject = An invitation was used
message-invitation-used-mail =
    At { $at } the device “{ $device }” used your invitation. Whether it is added to your { $sender } wallet is decided on the device that you use.

    If you do not know it, refuse it there.
message-invitation-used-sms =
    { $sender }: your invitation was used by “{ $device }”. Refuse it if you do not know it.
message-recovery-started-subject = A recovery was begun
message-recovery-started-mail =
    At { $at } a recovery of your { $sender } wallet was begun. Unless it is stopped it ends at { $until }, and every device is ended then.

    If you began it, there is nothing to do.
message-recovery-started-sms =
    { $sender }: a recovery was begun. It ends at { $until }. If it was not you, stop it.
message-recovery-contested-subject = A recovery was contested
message-recovery-contested-mail =
    At { $at } the recovery of your { $sender } wallet was contested. The wallet is frozen, and two members of staff look at it. Refunds and incoming money still arrive.
message-recovery-contested-sms =
    { $sender }: a recovery was contested. Your wallet is frozen.
message-recovery-cancelled-subject = A recovery was cancelled
message-recovery-cancelled-mail =
    At { $at } the recovery of your { $sender } wallet was cancelled on an enrolled device. Nothing has changed.
message-recovery-cancelled-sms = { $sender }: the recovery was cancelled.
message-recovery-done-subject = The recovery is done
message-recovery-done-mail =
    At { $at } the recovery of your { $sender } wallet was done. The only device is “{ $device }”. For 7 days no address and no way to sign in can be changed.
message-recovery-done-sms =
    { $sender }: the recovery is done. The only device is “{ $device }”.
message-wallet-frozen-subject = Your wallet is frozen
message-wallet-frozen-mail =
    At { $at } your { $sender } wallet was frozen. It neither pays nor tops up. Refunds and incoming money still arrive.

    It is unfrozen on an enrolled device, after you have proved that it is you; where staff have frozen it, two of them unfreeze it.
message-wallet-frozen-sms = { $sender }: your wallet is frozen.
message-wallet-unfrozen-subject = Your wallet is in use again
message-wallet-unfrozen-mail =
    At { $at } your { $sender } wallet was unfrozen. It pays again.
message-wallet-unfrozen-sms = { $sender }: your wallet is in use again.
message-password-changed-subject = Your password was changed
message-password-changed-mail =
    At { $at } the password of your { $sender } wallet was changed.
message-password-changed-sms = { $sender }: your password was changed.
message-factor-added-subject = A way to sign in was added
message-factor-added-mail =
    At { $at } this was added to the ways to sign in to your { $sender } wallet: { $factor }.
message-factor-added-sms = { $sender }: a way to sign in was added: { $factor }.
message-factor-removed-subject = A way to sign in was removed
message-factor-removed-mail =
    At { $at } this was removed from the ways to sign in to your { $sender } wallet: { $factor }.
message-factor-removed-sms = { $sender }: a way to sign in was removed: { $factor }.
message-address-added-subject = An address was added
message-address-added-mail =
    At { $at } the address { $masked } was added to your { $sender } wallet. It cannot be used for a recovery for 7 days.
message-address-added-sms = { $sender }: the address { $masked } was added.
message-address-changed-subject = An address was removed
message-address-changed-mail =
    At { $at } the address { $masked } was removed from your { $sender } wallet. If you did not remove it, whoever reads what arrives there can take it back until { $until }.
message-address-changed-sms = { $sender }: the address { $masked } was removed. It can be taken back until { $until }.
message-account-closed-subject = Your account is closed
message-account-closed-mail =
    At { $at } your { $sender } account was closed. Your right to the balance stays. Ask our staff how it is paid to you.
message-account-closed-sms =
    { $sender }: your account is closed. Your right to the balance stays.
# The paragraphs of links, who sends, and names.
message-freeze-mail =
    If this was not you, freeze your wallet on this page. Refunds and incoming money still arrive. It asks for no password.

    { $link }
message-freeze-sms =
    Not you? Freeze it:
    { $link }
message-contest-mail =
    If you did not begin the recovery, contest it on this page. The wallet is frozen, and the recovery stops.

    { $link }
message-contest-sms =
    Stop the recovery:
    { $link }
message-return-mail =
    If you did not change it, take this address back on this page.

    { $link }
message-return-sms =
    Take it back:
    { $link }
message-footer =
    { $sender }
    Neither our staff nor our mail ever ask for a password or a code.
message-factor-passkey = a passkey
message-factor-totp = an authenticator app
message-factor-recovery-codes = recovery codes
message-factor-external-id = an external account
message-factor-password = a password

# The page that shows messages where they go nowhere.
mailbox-title = Mailbox
mailbox-what =
    The mail and SMS that this book would send. They go nowhere. The newest 100, read again every 5 seconds.
mailbox-empty = Nothing was sent yet.
mailbox-mail = Mail
mailbox-sms = SMS
mailbox-to = To
mailbox-waiting = waits
mailbox-sent = sent
mailbox-given-up = given up
mailbox-suppressed = over the limit, not sent
mailbox-erased = What it said is erased.
mailbox-other-language = 日本語
mailbox-skip = Skip to the content
message-recovery-allowed-subject = A contested recovery may go on
message-recovery-allowed-mail =
    At { $at } two members of our staff let the recovery of your { $sender } wallet go on, though it was contested.

    If it is not yours, cancel it on the device that you use, at once, or call us.
message-recovery-allowed-sms = { $sender }: staff let the contested recovery go on. If it is not yours, cancel it on your device or call us.
message-recovery-ended-subject = The recovery was ended
message-recovery-ended-mail =
    At { $at } two members of our staff ended the recovery of your { $sender } wallet. Nothing has changed.
message-recovery-ended-sms = { $sender }: staff ended the recovery. Nothing has changed.
message-device-ended-by-staff-subject = Our staff ended a device
message-device-ended-by-staff-mail =
    At { $at } our staff ended the device “{ $device }” in your { $sender } wallet. It pays no longer.

    If you did not ask for it, call us.
message-device-ended-by-staff-sms = { $sender }: our staff ended the device “{ $device }”. If you did not ask for it, call us.
message-unfreeze-proposed-subject = Our staff is about to unfreeze your wallet
message-unfreeze-proposed-mail =
    At { $at } somebody asked our staff to unfreeze your { $sender } wallet, which you have frozen. It may be done from { $until } on.

    If it was not you, call us before then.
message-unfreeze-proposed-sms = { $sender }: staff may unfreeze your wallet from { $until } on. If you did not ask for it, call us.
message-card-added-subject = A card was added
message-card-added-mail =
    At { $at } the card “{ $masked }” was added to your { $sender } wallet. It can top up your balance from now on.

    If you did not add it, freeze your wallet.
message-card-added-sms = { $sender }: the card “{ $masked }” was added.
message-top-up-held-subject = A top-up waits
message-top-up-held-mail =
    At { $at } a top-up from the card “{ $masked }” was asked for in your { $sender } wallet. It is held until { $until }, and then it is in the balance.

    If it was not you, freeze your wallet, or let it go on the page for top-ups. Nothing is taken then.
message-top-up-held-sms = { $sender }: a top-up from “{ $masked }” is held until { $until }. Was it not you? Freeze your wallet.
message-top-up-disputed-subject = A top-up was disputed, and your wallet is frozen
message-top-up-disputed-mail =
    At { $at } we were told that the holder of a card does not know a top-up of your { $sender } wallet. The wallet is frozen, and the card is removed. Please call us.
message-top-up-disputed-sms = { $sender }: a card’s holder disputes a top-up. Your wallet is frozen; please call us.
message-unfrozen-by-staff-subject = Our staff unfroze your wallet
message-unfrozen-by-staff-mail =
    At { $at } two members of our staff unfroze your { $sender } wallet. It pays again.

    If you did not ask for it, freeze it on the device that you use, and call us.
message-unfrozen-by-staff-sms = { $sender }: our staff unfroze your wallet. If you did not ask for it, freeze it and call us.
