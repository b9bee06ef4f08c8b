# What every page says.
common-skip = 本文へ移動
common-other-language = English
common-needs-script = このページには JavaScript が必要です。端末の鍵で依頼に署名するためです。
common-unreachable = サーバーにつながりません。つながりしだい続けます。
common-busy = サーバーが混み合っています。少し待ってから続けます。
common-points = { $points } ポイント
common-camera-refused = カメラを使えません。ブラウザーの設定で許可するか、番号を入力してください。
common-camera-missing = この端末にはカメラがありません。番号を入力してください。
