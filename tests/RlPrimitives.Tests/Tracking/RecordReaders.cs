namespace RlPrimitives.Tests.Tracking;

/// <summary>Readers of the two record formats, written from their specifications with checksums bit by bit: nothing is shared with the writers.</summary>
internal static class RecordReaders
{
    /// <summary>TFRecords: length, its masked CRC-32C, data, its masked CRC-32C.</summary>
    public static List<byte[]> TfRecords(byte[] file)
    {
        var records = new List<byte[]>();
        for (var at = 0; at < file.Length;)
        {
            var length = checked((int)BitConverter.ToUInt64(file, at));
            Assert.Equal(Masked(file[at..(at + 8)]), BitConverter.ToUInt32(file, at + 8));
            var data = file[(at + 12)..(at + 12 + length)];
            Assert.Equal(Masked(data), BitConverter.ToUInt32(file, at + 12 + length));
            records.Add(data);
            at += 16 + length;
        }

        return records;

        static uint Masked(byte[] data)
        {
            var crc = Crc(data, 0x82F63B78); // Castagnoli, reversed
            return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
        }
    }

    /// <summary>LevelDB's log in blocks of 32 KiB after a header of 7 bytes that counts.</summary>
    public static List<byte[]> TransactionLog(byte[] file)
    {
        Assert.Equal(":W&B"u8, file.AsSpan(0, 4));
        Assert.Equal((0xBEE1, 0), (BitConverter.ToUInt16(file, 4), file[6]));
        var records = new List<byte[]>();
        List<byte>? open = null;
        for (var at = 7; at < file.Length;)
        {
            var left = 32768 - (at % 32768);
            if (left < 7)
            {
                Assert.All(file[at..(at + left)], b => Assert.Equal(0, b));
                at += left;
                continue;
            }

            var (length, type) = (BitConverter.ToUInt16(file, at + 4), file[at + 6]);
            Assert.True(7 + length <= left, "a chunk crosses a block");
            Assert.Equal(Crc(file[(at + 6)..(at + 7 + length)], 0xEDB88320), BitConverter.ToUInt32(file, at)); // over the type and the data
            var data = file[(at + 7)..(at + 7 + length)];
            Assert.Equal(type is 3 or 4, open is not null);
            if (type is 1 or 2)
            {
                open = [];
            }

            open!.AddRange(data);
            if (type is 1 or 4)
            {
                records.Add([.. open]);
                open = null;
            }

            at += 7 + length;
        }

        Assert.Null(open);
        return records;
    }

    private static uint Crc(byte[] data, uint polynomial)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ polynomial;
            }
        }

        return ~crc;
    }
}
