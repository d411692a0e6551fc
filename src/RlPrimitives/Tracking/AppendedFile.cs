namespace RlPrimitives.Tracking;

/// <summary>A file that only grows, by whole records: one that could not be written whole is taken back, so that the next one is readable. Others may read it meanwhile.</summary>
internal sealed class AppendedFile : IDisposable
{
    private readonly FileStream stream;

    public AppendedFile(string path)
    {
        stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        Length = stream.Length;
    }

    /// <summary>Bytes of whole records.</summary>
    public long Length { get; private set; }

    /// <summary>The last byte; null of an empty file.</summary>
    public byte? LastByte
    {
        get
        {
            if (Length == 0)
            {
                return null;
            }

            stream.Position = Length - 1;
            return (byte)stream.ReadByte();
        }
    }

    /// <summary>Writes a record and hands it to the system.</summary>
    public void Append(ReadOnlySpan<byte> record)
    {
        try
        {
            stream.Position = Length;
            stream.Write(record);
            stream.Flush();
            Length += record.Length;
        }
        catch (IOException)
        {
            stream.SetLength(Length);
            throw;
        }
    }

    public void Dispose() => stream.Dispose();
}
