using System.Security.Cryptography;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

// What a checkpoint needs: the weights as they are, bit for bit. None of these may run while the model computes elsewhere.
public sealed partial class CausalLM
{
    private const string ExactFolder = "model", AdapterFolder = "adapter";
    private (long Version, string Hash)? baseHash;

    /// <summary>
    /// Writes what training has changed, without rounding: <c>model</c>, a Hugging Face folder in the type computed in, or with adapters <c>adapter</c>, a PEFT folder beside
    /// the unchanged weights.
    /// </summary>
    /// <returns>The checkpoint's folder within <paramref name="folder"/>.</returns>
    internal string SaveExact(string folder)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var into = Path.Combine(folder, adapters is null ? ExactFolder : AdapterFolder);
        if (adapters is null)
        {
            ModelFolder.Save(into, Config with { StorageType = Type }, Parameters.Select(p => (p.Name, (Tensor)p.Parameter)));
        }
        else
        {
            SaveLora(into);
        }

        return into;
    }

    /// <summary>Takes over what <see cref="SaveExact"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is of another model.</exception>
    internal void LoadExact(string folder, long version)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        if (adapters is null)
        {
            using var stored = ModelFolder.Open(Path.Combine(folder, ExactFolder));
            Check(stored);
            foreach (var (name, parameter) in Parameters)
            {
                var shape = stored.ShapeOf(name);
                if (!shape.SequenceEqual(parameter.shape))
                {
                    throw new InvalidDataException($"{stored.FileOf(name)}: tensor '{name}' has shape [{string.Join(", ", shape)}], this model's is [{string.Join(", ", parameter.shape)}].");
                }

                stored.CopyTo(name, parameter);
            }
        }
        else
        {
            using var stored = LoraFolder.Open(Path.Combine(folder, AdapterFolder), model);
            if (stored.Config != adapters.Config && !stored.Config.ToString().Equals(adapters.Config.ToString(), StringComparison.Ordinal))
            {
                throw new InvalidDataException($"{folder}: the checkpoint's adapters are {stored.Config}, this model's {adapters.Config}. Add the same ones before resuming.");
            }

            stored.CopyTo(adapters);
        }

        Version = Math.Max(version, Version + 1); // never one that a copy was made for
    }

    /// <summary>A fingerprint of the weights beside the adapters, hexadecimal; null where there are none (all weights are then in the checkpoint).</summary>
    internal string? BaseFingerprint()
    {
        if (adapters is null)
        {
            return null;
        }

        if (baseHash is not { } known)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var (_, parameter) in Parameters)
            {
                using var flat = parameter.detach().cpu().contiguous();
                hash.AppendData(flat.bytes);
            }

            known = (Version, Convert.ToHexStringLower(hash.GetHashAndReset()));
            baseHash = known;
        }

        return known.Hash;
    }
}
