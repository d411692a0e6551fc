using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>A safetensors file, its header checked; tensors are read when they are asked for.</summary>
/// <remarks>
/// Read and not mapped into memory: a mapped file that somebody shortens ends the process when a page that is gone is touched, where reading says what is missing. The file stays open,
/// so one that is replaced by renaming, as <see cref="Write"/> does, is read as it was. Format: https://huggingface.co/docs/safetensors.
/// </remarks>
public sealed class SafetensorsFile : IDisposable
{
    private const long AtOnce = 16 << 20; // bytes that are converted at a time

    private readonly string path;
    private readonly FileStream file;
    private readonly long fileLength;
    private readonly Dictionary<string, SafetensorsEntry> entries;

    private SafetensorsFile(string path, FileStream file, long fileLength, Dictionary<string, SafetensorsEntry> entries, Dictionary<string, string> metadata)
    {
        (this.path, this.file, this.fileLength, this.entries, Metadata) = (path, file, fileLength, entries, metadata);
    }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries => entries;

    /// <summary>The free text of the header; Hugging Face libraries expect <c>format</c> = <c>pt</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header: types, shapes, and that the tensors fill the file exactly.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, cut off or no safetensors file; the message names file and tensor.</exception>
    /// <exception cref="NotSupportedException">A tensor has a type other than F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var full = Path.GetFullPath(path);
        var file = new FileStream(full, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
        try
        {
            var length = file.Length;
            var (entries, metadata) = SafetensorsHeader.Read(full, file);
            return new SafetensorsFile(full, file, length, entries, metadata);
        }
        catch (Exception e)
        {
            file.Dispose();
            if (e is EndOfStreamException)
            {
                throw new InvalidDataException($"{full}: the file was cut off while its header was read.", e);
            }

            throw;
        }
    }

    /// <summary>A tensor of the file, on the CPU, in the stored type; the caller's.</summary>
    /// <exception cref="KeyNotFoundException">The file holds no tensor of that name.</exception>
    /// <exception cref="IOException">The file's length changed since it was opened, or it cannot be read; the message names it.</exception>
    public Tensor Read(string name)
    {
        var entry = Find(name);
        var tensor = empty(entry.Shape, entry.Type);
        try
        {
            Fill(entry, 0, tensor);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    /// <summary>Copies a tensor of the file into one of its shape, of any type, device and layout, without a second copy of the whole in memory.</summary>
    /// <exception cref="KeyNotFoundException">The file holds no tensor of that name.</exception>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    /// <exception cref="IOException">The file's length changed since it was opened, or it cannot be read; the message names it.</exception>
    internal void CopyTo(string name, Tensor target)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var entry = Find(name);
        if (!target.shape.SequenceEqual(entry.Shape))
        {
            throw new ArgumentException($"{path}: tensor '{name}' has shape [{string.Join(", ", entry.Shape)}], what it is copied to [{string.Join(", ", target.shape)}].", nameof(target));
        }

        if (!target.is_contiguous())
        {
            target.copy_(Read(name));
            return;
        }

        if (target.dtype == entry.Type && target.device_type == DeviceType.CPU)
        {
            Fill(entry, 0, target);
            return;
        }

        var flat = target.detach().view(-1);  // [elements]
        var part = empty([Math.Min(flat.numel(), AtOnce / SafetensorsType.SizeOf(entry.Type))], entry.Type);
        for (long at = 0; at < flat.numel(); at += part.numel())
        {
            using var step = NewDisposeScope();
            var piece = part.narrow(0, 0, Math.Min(part.numel(), flat.numel() - at));
            Fill(entry, at * SafetensorsType.SizeOf(entry.Type), piece);
            flat.narrow(0, at, piece.numel()).copy_(piece);
        }
    }

    /// <summary>Writes a file as the format's own library does: same order, same header, byte for byte.</summary>
    /// <param name="path">Where to; an existing file is replaced only when the new one is complete.</param>
    /// <param name="tensors">Names and tensors, of any device and layout; one at a time is brought to the CPU.</param>
    /// <param name="metadata">Free text of the header; null for <c>format</c> = <c>pt</c>, empty for none.</param>
    /// <exception cref="ArgumentException">A name is repeated, reserved (<c>__metadata__</c>) or no valid Unicode.</exception>
    /// <exception cref="NotSupportedException">A tensor's type has no name in the format.</exception>
    public static void Write(string path, IEnumerable<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        SafetensorsWriter.Write(path, tensors, metadata, floatType: null);

    /// <summary>Closes the file; tensors that were read stay.</summary>
    public void Dispose() => file.Dispose();

    private SafetensorsEntry Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        ObjectDisposedException.ThrowIf(file.SafeFileHandle.IsClosed, this);
        return entries.TryGetValue(name, out var entry) ? entry : throw new KeyNotFoundException($"{path} holds no tensor '{name}'; it holds {entries.Count} others.");
    }

    // The bytes of an entry from one on, as many as the contiguous CPU tensor has.
    private unsafe void Fill(SafetensorsEntry entry, long from, Tensor tensor)
    {
        var handle = file.SafeFileHandle;
        var length = RandomAccess.GetLength(handle);
        if (length != fileLength)
        {
            throw new IOException($"{path}: expected {fileLength} bytes as when it was opened, found {length}; tensor '{entry.Name}' is not read.");
        }

        var count = tensor.numel() * tensor.element_size();
        var data = count > 0 ? (byte*)AtenOperators.DataOf(tensor) : null;
        for (long done = 0; done < count;)
        {
            var read = RandomAccess.Read(handle, new Span<byte>(data + done, (int)Math.Min(count - done, 1 << 30)), entry.Offset + from + done);
            done += read > 0 ? read : throw new IOException(
                $"{path}: tensor '{entry.Name}': expected {count} bytes from byte {entry.Offset + from} on, found {done}: the file was cut off while it was read.");
        }

        GC.KeepAlive(tensor);
    }
}
